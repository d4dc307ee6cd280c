// RedisConnection over a Redis Cluster by TCP. A partition's hash tag keeps its keys on one node; which, the cluster says.

import { Cluster } from 'ioredis'
import type { RedisConnection } from './connection.ts'
import { redisOptions, type TcpOptions, tcpConnection, tellOutages } from './tcp.ts'

/** redis+cluster://[user:password@]host:port,host:port…, or rediss+cluster:// (TLS) */
const ADDRESS = /^(rediss?)\+cluster:\/\/(?:([^@]*)@)?([^/]+)\/?$/
const REDIS_PORT = 6379
const RETRY_AFTER_MS = 200

export const isCluster = (url: string): boolean => ADDRESS.test(url)

/** Any of the hosts will do to find the others. A command is sent on where its node has changed, and again where that went away. */
export function openRedisCluster(
  url: string,
  { timeoutMs, log = () => {}, called = 'Redis' }: TcpOptions,
): { connection: RedisConnection; client: Cluster; where: string; close(): Promise<void> } {
  const [, protocol, user = '', hosts = ''] = ADDRESS.exec(url) ?? []
  const [username, password] = user.split(':').map(decodeURIComponent) as [string, string?]
  const nodes = hosts.split(',').map((host) => {
    const { hostname, port } = new URL(`redis://${host}`)
    return { host: hostname, port: port === '' ? REDIS_PORT : Number(port) }
  })
  const client = new Cluster(nodes, {
    redisOptions: {
      ...redisOptions(timeoutMs),
      ...(username !== '' && { username }),
      ...(password !== undefined && { password }),
      ...(protocol === 'rediss' && { tls: {} }),
    },
    // Names of a node that stands behind TLS have to be what its certificate says.
    ...(protocol === 'rediss' && { dnsLookup: (address, callback) => callback(null, address) }),
    slotsRefreshTimeout: timeoutMs,
    clusterRetryStrategy: () => RETRY_AFTER_MS,
    retryDelayOnFailover: RETRY_AFTER_MS,
    retryDelayOnClusterDown: RETRY_AFTER_MS,
  })
  tellOutages(client, { log, called })
  const connection = tcpConnection(client)
  return { connection, client, where: `cluster of ${hosts}`, close: () => connection.close() }
}

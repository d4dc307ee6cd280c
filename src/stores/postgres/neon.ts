// Postgres over Neon's HTTP API, one request a statement. Runs in Workers and in Node alike, and holds nothing that
// one request could not share with another.

import { type NeonQueryFunction, neon, neonConfig } from '@neondatabase/serverless'
import { drizzle } from 'drizzle-orm/neon-http'
import type { Db } from './db.ts'
import * as schema from './schema.ts'

type Client = NeonQueryFunction<boolean, boolean>

/** `fetchEndpoint`: where a local bridge answers for the host in `url`. `timeoutMs`: for one request. */
export function openNeon(
  url: string,
  { fetchEndpoint, timeoutMs }: { fetchEndpoint?: string; timeoutMs: number },
): { db: Db } {
  if (fetchEndpoint !== undefined) answerAt(url, fetchEndpoint)
  return { db: drizzle({ client: bounded(neon(url), timeoutMs), schema }) as unknown as Db }
}

/** The driver waits for ever by default, and a signal serves for one request only: each gets its own. */
function bounded(client: Client, timeoutMs: number): Client {
  const fetchOptions = () => ({ fetchOptions: { signal: AbortSignal.timeout(timeoutMs) } })
  return {
    query: (...[text, params, options]: Parameters<Client['query']>) =>
      client.query(text, params, { ...options, ...fetchOptions() }),
    transaction: (...[queries, options]: Parameters<Client['transaction']>) =>
      client.transaction(queries, { ...options, ...fetchOptions() }),
  } as Client
}

const endpoints = new Map<string, string>()

/** The driver has one setting for all its clients; this makes it one for each host. */
function answerAt(url: string, fetchEndpoint: string): void {
  const { host } = new URL(url.replace(/^postgres(ql)?:/, 'http:'))
  if (endpoints.size === 0) {
    const usual = neonConfig.fetchEndpoint
    neonConfig.fetchEndpoint = (hostname, port, options) =>
      endpoints.get(port ? `${hostname}:${port}` : hostname) ??
      (typeof usual === 'function' ? usual(hostname, port, options) : usual)
  }
  endpoints.set(host, fetchEndpoint)
}

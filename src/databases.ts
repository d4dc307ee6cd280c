// Which databases of counters the configuration names, and what is wrong with it.

import type { Config } from './config.ts'
import { MAIN } from './metering/placement/partition-list.ts'

/** `url`: without a user; `token`: of Upstash */
export type NamedDatabase = { name: string; url: string; token: string | null }

const HTTP = ['http:', 'https:']

/** None: they are embedded. */
export function namedDatabases(config: Config): NamedDatabase[] {
  const { COUNTER_DATABASES: several, REDIS_URL, UPSTASH_REDIS_REST_URL, UPSTASH_REDIS_REST_TOKEN } = config
  if (several !== undefined) return several.map(({ name, url }) => ({ name, ...withToken(url) }))
  if (REDIS_URL !== undefined) return [{ name: MAIN, url: REDIS_URL, token: null }]
  if (UPSTASH_REDIS_REST_URL !== undefined)
    return [{ name: MAIN, url: UPSTASH_REDIS_REST_URL, token: UPSTASH_REDIS_REST_TOKEN! }]
  return []
}

export const isHttp = (url: string): boolean => HTTP.some((protocol) => url.startsWith(protocol))

function withToken(url: string): Pick<NamedDatabase, 'url' | 'token'> {
  if (!isHttp(url)) return { url, token: null }
  const parsed = new URL(url)
  const token = decodeURIComponent(parsed.password)
  parsed.username = ''
  parsed.password = ''
  return { url: parsed.href.replace(/\/$/, ''), token }
}

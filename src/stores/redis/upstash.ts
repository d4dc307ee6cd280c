// RedisConnection over Upstash's REST API. Runs in Workers and in Node alike, and holds nothing that one request
// could not share with another.

import { Redis } from '@upstash/redis/cloudflare'
import type { RedisConnection, Reply } from './connection.ts'

export type UpstashOptions = {
  url: string
  token: string
  /** For one call with all its retries. */
  timeoutMs: number
  /** How often a request is sent again when there was no reply. Every script can be applied twice. */
  retries?: number
}

export function upstashConnection({ url, token, timeoutMs, retries = 3 }: UpstashOptions): RedisConnection {
  const redis = new Redis({
    url,
    token,
    // Otherwise "5" would come back as 5, and a counter of 20 digits as a float.
    automaticDeserialization: false,
    // Would send the commands of several requests in one, and make them wait for each other.
    enableAutoPipelining: false,
    enableTelemetry: false,
    latencyLogging: false,
    retry: { retries, backoff: (attempt) => 25 * 2 ** attempt },
    // A function: given a signal itself, the client would take its abortion for an answer.
    signal: () => AbortSignal.timeout(timeoutMs),
  })
  return {
    evalsha: (hash, keys, args) => terse(redis.evalsha<string[], Reply>(hash, keys, args)),
    eval: (text, keys, args) => terse(redis.eval<string[], Reply>(text, keys, args)),
    ping: async () => {
      await terse(redis.ping())
    },
    close: async () => {},
  }
}

/** The client appends the whole command to an error's message: megabytes at worst, and customers' data. */
async function terse<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (error) {
    if (!(error instanceof Error)) throw error
    const at = error.message.indexOf(', command was: ')
    throw at === -1 ? error : new Error(error.message.slice(0, at))
  }
}

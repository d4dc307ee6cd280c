// Counts the commands that Redis runs, those inside scripts too, and what Upstash's list price for them is.

import type { Redis } from 'ioredis'

const DOLLARS_PER_100_000_COMMANDS = 0.2
const TRIES = 7
const CALLS = 5

/** Of one call in steady state. The server's statistics are everybody's: the least of several tries was the undisturbed one. */
export async function commandsOfACall(
  redis: Redis,
  call: () => Promise<unknown>,
  calls = CALLS,
): Promise<number> {
  await call()
  let least = Number.POSITIVE_INFINITY
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const before = await commandsSoFar(redis)
    for (let i = 0; i < calls; i++) await call()
    least = Math.min(least, ((await commandsSoFar(redis)) - before) / calls)
  }
  return least
}

export async function commandsSoFar(redis: Redis): Promise<number> {
  const counts = (await redis.info('commandstats')).matchAll(/^cmdstat_(\S+):calls=(\d+)/gm)
  let total = 0
  for (const [, command, calls] of counts) if (command !== 'info') total += Number(calls)
  return total
}

export const costPerMillion = (commandsPerEvent: number): number =>
  commandsPerEvent * 1_000_000 * (DOLLARS_PER_100_000_COMMANDS / 100_000)

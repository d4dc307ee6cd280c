// What faults are made of.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from '../fuzz/random.ts'
import type { Site } from './site.ts'

export type Fault = (site: Site, random: Random) => Promise<unknown>

export const between = (random: Random, lowMs: number, highMs: number): number =>
  lowMs + random.int(highMs - lowMs)

export const restartRedis: Fault = async ({ redis }, random) => {
  await redis.kill()
  await sleep(random.int(1_000))
  await redis.start()
}

export const restartPostgres: Fault = async ({ postgres }, random) => {
  await postgres.stopImmediately()
  await sleep(random.int(1_500))
  await postgres.start()
}

export const killApp: Fault = async ({ apps }, random) => random.pick(apps).kill()

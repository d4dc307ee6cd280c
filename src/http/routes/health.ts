// Whether the service is alive, and whether it can do its work.

import { z } from 'zod'
import { TollgateError } from '../../kernel/errors.ts'
import type { PartitionState } from '../../metering/ports.ts'
import type { Deps } from '../env.ts'
import { reply } from '../reply.ts'
import type { Routes } from '../router.ts'

/** A sealed segment that waits longer says that nothing settles: cron runs every minute, and drains several a run. */
export const OLDEST_SEALED_MAX_MS = 15 * 60_000

type Check = { ok: boolean; detail?: string }

const healthSchema = z.object({ status: z.literal('ok') }).meta({ id: 'Health' })
const checkSchema = z
  .object({ ok: z.boolean(), detail: z.string().optional() })
  .meta({ id: 'ReadinessCheck' })
const readySchema = z
  .object({
    status: z.enum(['ready', 'not_ready']).meta({ 'x-name': 'ReadinessStatus' }),
    checks: z.object({ redis: checkSchema, postgres: checkSchema, backlog: checkSchema }),
  })
  .meta({ id: 'Readiness' })

export const healthRoutes: Routes = (router, deps) => {
  router.add({
    method: 'get',
    path: '/health',
    id: 'health',
    tag: 'Operations',
    summary: 'Alive?',
    description: 'Answers without a look into the stores.',
    access: 'public',
    responses: { 200: { description: 'Alive.', schema: healthSchema } },
    handle: (c) => reply(c, 200, { status: 'ok' }),
  })

  router.add({
    method: 'get',
    path: '/ready',
    id: 'ready',
    tag: 'Operations',
    summary: 'Ready?',
    description: 'Redis and Postgres can be reached, and what waits to be settled is within bounds.',
    access: 'public',
    responses: {
      200: { description: 'Ready.', schema: readySchema },
      503: { description: 'Not ready: the checks say why.', schema: readySchema },
    },
    handle: async (c) => {
      const [redis, postgres, backlog] = await Promise.all([
        databasesCheck(deps),
        reachable(() => deps.usage.ping()),
        backlogCheck(deps),
      ])
      const checks = { redis, postgres, backlog }
      const ready = Object.values(checks).every(({ ok }) => ok)
      return reply(
        c,
        ready ? 200 : 503,
        { status: ready ? 'ready' : 'not_ready', checks },
        ready ? {} : { 'retry-after': '5' },
      )
    },
  })
}

async function reachable(ping: () => Promise<void>): Promise<Check> {
  try {
    await ping()
    return { ok: true }
  } catch {
    return { ok: false, detail: 'can’t be reached' }
  }
}

/** Names those that are away, and nothing of their addresses. */
async function databasesCheck({ counters }: Deps): Promise<Check> {
  const names = await counters.unreachable().catch(() => ['they'])
  return names.length === 0 ? { ok: true } : { ok: false, detail: `${names.join(', ')} can’t be reached` }
}

async function backlogCheck({ counters, limits }: Deps): Promise<Check> {
  const partitions = await counters.listPartitions().catch(() => null)
  if (partitions === null) return { ok: false, detail: 'unknown: Postgres can’t be reached' }
  const wrong = await Promise.all(
    partitions.map(async ({ id, database }) => {
      try {
        return tooMuch(await counters.state(id), limits.backlogMaxCounters)
      } catch (error) {
        const missing = error instanceof TollgateError && error.code === 'misconfigured'
        return `unknown of partition ${id}: its database ${database} ${missing ? 'is not configured' : 'can’t be reached'}`
      }
    }),
  )
  const told = wrong.filter((one) => one !== null)
  return told.length === 0 ? { ok: true } : { ok: false, detail: told.join('; ') }
}

/** Quarantined segments are left out: they wait for a person, and everything else goes on. */
export function tooMuch(state: PartitionState, maxCounters: number): string | null {
  const { partition, unsettledCounters, sealed, nowMs } = state
  if (unsettledCounters >= maxCounters) {
    return `partition ${partition} has ${unsettledCounters} unsettled counters, and takes no new ones from ${maxCounters} on`
  }
  const waiting = sealed.filter(({ quarantined }) => quarantined === null)
  const oldestMs = nowMs - Math.min(nowMs, ...waiting.map(({ bornMs }) => bornMs))
  if (oldestMs <= OLDEST_SEALED_MAX_MS) return null
  return `partition ${partition} has a segment that waits to be settled since ${Math.floor(oldestMs / 60_000)} minutes`
}

// The operator of a round with several databases: opens a partition in each, and moves the tenant between them, or spreads it, all the while.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from '../fuzz/random.ts'
import { call, describe, isTemporary, must } from './calls.ts'
import type { Site } from './site.ts'
import type { Tenant } from './tenant.ts'

/** The nth database has the nth partition. */
export async function openPartitions({ apps, adminToken: token, databases }: Site): Promise<void> {
  for (const { name } of databases.slice(1)) {
    const body = { database: name }
    await must(apps[0]!, { method: 'POST', path: '/api/v1/partitions', token, body })
  }
}

type Moving = { site: Site; tenant: Tenant; random: Random; over: () => boolean }

/** `moved`: told of each that was answered; there is one at least. `paceMs`: how long it waits at most. */
export async function moveUntilOver(
  { site, tenant, random, over }: Moving,
  moved: () => void,
  paceMs = 1_600,
): Promise<void> {
  const partitions = site.databases.map((_, n) => n)
  if (partitions.length === 1) return
  let moves = 0
  while (!over() || (moves === 0 && site.violations.length === 0)) {
    await sleep(100 + random.int(paceMs - 100))
    const body = random.chance(0.25)
      ? { partitions, spread_by: 'customer' }
      : { partitions: [random.pick(partitions)] }
    const path = `/api/v1/tenants/${tenant.id}/placement`
    const reply = await call(random.pick(site.apps), { method: 'POST', path, token: site.adminToken, body })
    if (reply?.status === 202) {
      moves++
      moved()
    } else if (!isTemporary(reply)) site.violations.push(`POST ${path}: ${describe(reply!)}`)
  }
}

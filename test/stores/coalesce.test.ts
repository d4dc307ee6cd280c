// How long a call waits for others, where it may: COMMIT_WAIT_MS.

import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { firstPlacement } from '../../src/metering/placement/placement.ts'
import type { PlacedBatch, PlacedOutcome } from '../../src/metering/placement/record-placed.ts'
import { coalesced } from '../../src/stores/redis/coalesce.ts'
import { batch, tenantConfig } from '../support/metering.ts'

const config = tenantConfig()
const at = { partition: 0, placement: firstPlacement(0) }
const one = (): PlacedBatch => ({ ...batch(config, [{}]), at })

/** Calls take no time; how many batches went into each. */
function sending(waitMs: number) {
  const calls: number[] = []
  const send = async (batches: PlacedBatch[]): Promise<PlacedOutcome[]> => {
    calls.push(batches.length)
    return batches.map(({ events }) => ({ kind: 'recorded', verdicts: events.map(() => 'accepted') }))
  }
  return { calls, record: coalesced(send, () => false, waitMs) }
}

it('what comes within the wait goes together, and alone it waits no longer than that', async () => {
  const { calls, record } = sending(150)
  const startedAt = performance.now()
  const first = record(one())
  await sleep(10)
  await Promise.all([first, record(one()), record(one())])
  expect(calls).toEqual([3])
  expect(performance.now() - startedAt).toBeGreaterThan(140)
  await record(one())
  expect(calls).toEqual([3, 1])
})

it('without a wait, what has not arrived yet is not waited for', async () => {
  const { calls, record } = sending(0)
  const first = record(one())
  await sleep(10)
  await Promise.all([first, record(one())])
  expect(calls).toEqual([1, 1])
})

it('a call that is full does not wait', async () => {
  const { calls, record } = sending(60_000)
  const full = Array.from({ length: 129 }, () => record(one()))
  await Promise.all(full.slice(0, 128))
  expect(calls).toEqual([128])
})

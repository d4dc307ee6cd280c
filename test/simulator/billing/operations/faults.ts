// Faults, and time: hours to weeks.

import fc from 'fast-check'
import type { Fate } from '../../network.ts'
import { fate, type Operation, some } from '../../operations/operation.ts'
import { smoothly } from '../../stage.ts'
import type { Year } from '../year.ts'
import { sendBatch } from './usage.ts'

const HOUR_MS = 3_600_000
/** While somebody waits for an answer: an event's id is known for a day. */
const RETRIES_MS = 10 * HOUR_MS

/** Parked calls go on, in any order; the last of them meets this fate. */
export const deliver: Operation<{ which: number; before: number; fate: Fate }, Year> = {
  name: 'deliver',
  weight: 16,
  arbitrary: fc.record({ which: some, before: fc.nat(3), fate }),
  async run({ network }, { which, before, fate }) {
    for (let i = 0; i < before; i++) await network.deliver(which + i, 'ok')
    await network.deliver(which, fate)
  },
}

export const time: Operation<{ hours: number }, Year> = {
  name: 'time',
  weight: 22,
  arbitrary: fc.record({ hours: fc.constantFrom(1, 7, 24, 24 * 3, 24 * 7, 24 * 12, 24 * 17, 24 * 30) }),
  async run(year, { hours }) {
    // Whoever waits for an answer sends again before long.
    if (hours * HOUR_MS > RETRIES_MS)
      for (const batch of year.unanswered) await sendBatch(year, 0, batch, smoothly)
    const waiting = year.unanswered.map(({ firstSentMs }) => year.time.nowMs - firstSentMs)
    if (waiting.length === 0) year.wait(hours * HOUR_MS)
    else if (Math.max(...waiting) < RETRIES_MS) year.wait(HOUR_MS)
  },
}

export const kill: Operation<{ isolate: number }, Year> = {
  name: 'kill',
  weight: 3,
  arbitrary: fc.record({ isolate: some }),
  async run(year, { isolate }) {
    year.kill(year.isolate(isolate).number)
  },
}

export const outage: Operation<{ what: string }, Year> = {
  name: 'outage',
  weight: 3,
  arbitrary: fc.record({ what: fc.constantFrom('redis', 'postgres', 'all back', 'all back') }),
  async run({ network: { away } }, { what }) {
    away.redis = what === 'redis'
    away.postgres = what === 'postgres'
  },
}

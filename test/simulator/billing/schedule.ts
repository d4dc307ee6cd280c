// The simulation of invoicing, and its end: all faults are lifted, everything is closed, and the books have to be right.

import { flush } from '../../../src/metering/flush.ts'
import { simulation } from '../simulation.ts'
import { smoothly } from '../stage.ts'
import { Violation } from '../violation.ts'
import type { Books } from './books.ts'
import { checkedBooks } from './check-books.ts'
import { checkAllUsage, checkUnchanged } from './check-usage.ts'
import { laws } from './laws.ts'
import { closeAtOnce, closeRanges } from './operations/close-at-once.ts'
import {
  calm,
  changeInCalm,
  close,
  closedInCalm,
  closeInCalm,
  preview,
  read,
  readDrafts,
  readInCalm,
  runClosing,
} from './operations/closing.ts'
import { correct } from './operations/corrections.ts'
import { deliver, kill, outage, time } from './operations/faults.ts'
import { grant, move, note, takeBack, voidedInCalm } from './operations/money.ts'
import { publish } from './operations/plans.ts'
import { cancel, cancelled, change, reactivate, subscribe } from './operations/subscriptions.ts'
import { flush as flushes, newEvent, oldestMs, retry, send, sendNew } from './operations/usage.ts'
import { setupArbitrary } from './plan.ts'
import { Year } from './year.ts'

const HOUR_MS = 3_600_000
const MONTH_MS = 30 * 24 * HOUR_MS
const ROUNDS = 200
/** What a late event says, for every meter. */
const LATE = { quantity: '40', change: '12', v: '7', user: 3, model: 'a' } as const

export const invoicing = simulation({
  flags: '--billing ',
  setup: setupArbitrary,
  operations: [
    ...[subscribe, change, cancel, reactivate, publish],
    ...[send, retry, flushes, correct],
    ...[grant, takeBack, move, note],
    changeInCalm,
    ...[close, closeAtOnce, closeRanges, closeInCalm, readInCalm, read, preview],
    ...[time, deliver, kill, outage],
  ],
  world: (setup, ends, time, bug) => new Year(setup, ends, time, bug),
  async begin(year) {
    await year.begin()
    for (const input of year.setup.subscribers) await subscribe.run(year, { ...input, pace: smoothly })
  },
  finish,
})

async function finish(year: Year): Promise<void> {
  year.network.log.push('— the end: all faults are lifted')
  await calm(year)
  await drained(year)
  let books = await closedAll(year)
  for (let month = 0; month < year.setup.quietMonths; month++) {
    year.wait(MONTH_MS)
    books = await closedAll(year)
  }
  checkAllUsage(year, books, await readDrafts(year, 0, books, Number.POSITIVE_INFINITY))
  if (year.setup.voidsAtEnd) await voidedInCalm(year)
  for (const known of year.known.values()) {
    const { cancelAtMs } = known.agreed
    if (cancelAtMs === null || cancelAtMs > year.time.nowMs)
      await cancelled(year, known, { isolate: 0, pace: smoothly, when: 'now' })
  }
  year.check()
  year.wait(3 * HOUR_MS)
  await closedAll(year)
  await lateForAll(year)
  year.wait(37 * 24 * HOUR_MS)
  await drained(year)
  const last = await closedAll(year)
  checkAllUsage(year, last, [])
  checkEnded(last)
  await runClosing(year, 0, smoothly)
  year.check()
  checkUnchanged(last, await checkedBooks(year))
}

/** An event of each kind, in the last hour that each subscription had. */
async function lateForAll(year: Year): Promise<void> {
  for (const { tenant, customer, agreed } of year.known.values()) {
    const atMs = Math.min(agreed.cancelAtMs!, year.time.nowMs) - HOUR_MS / 2
    if (atMs < oldestMs(year)) continue
    const events = [false, true].map((gauge) => newEvent(year, customer, { ...LATE, gauge }, atMs))
    await sendNew(year, { isolate: 0, tenant, customer, events, pace: smoothly })
  }
  year.check()
}

/** Runs the job until nothing is due, and looks at every invoice that it issues. */
async function closedAll(year: Year): Promise<Books[]> {
  for (let round = 0; round < ROUNDS; round++) {
    const { more, books } = await closedInCalm(year, 0)
    if (!more) return books
  }
  throw new Violation(laws.closes, `after ${ROUNDS} runs something is due still`)
}

async function drained(year: Year): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    year.wait(year.limits.settleAfterMs + 1)
    let left = 0
    await year.start('the last flush', year.isolate(0), smoothly, async () => {
      const { services } = year.isolate(0)
      await flush(services, { leaseMs: 0, retryQuarantined: false })
      for (let p = 0; p < year.setup.partitions; p++) {
        const { open, sealed } = await services.counters.state(p)
        left += sealed.length + (open?.counters ?? 0)
      }
    })
    year.check()
    if (left === 0) return
  }
  throw new Violation(laws.closes, 'something is left in Redis')
}

/** No subscription is due any more, and no draft is left. */
function checkEnded(all: Books[]): void {
  for (const { subscriptions, invoices } of all) {
    const due = subscriptions.find(({ dueMs }) => dueMs !== null)
    if (due) throw new Violation(laws.closes, `subscription ${due.id} has ended, and is due at ${due.dueMs}`)
    const draft = invoices.find(({ status }) => status === 'draft')
    if (draft) throw new Violation(laws.periods, `of subscription ${draft.subscriptionId} a draft is left`)
  }
}

// Closing by ranges: which are cut, who closes them, and when a run ends. What an account comes to is not of interest here.

import { describe, expect, it } from 'vitest'
import { nothingClosed } from '../../../src/billing/invoices/close-due.ts'
import {
  type CloseRange,
  type CloseRangesServices,
  closeInRanges,
} from '../../../src/billing/invoices/close-ranges.ts'
import { type DueMark, type DueRange, rangesAt } from '../../../src/billing/invoices/due-range.ts'

const mark = (n: number): DueMark => ({ dueMs: n, tenantId: 't', customerId: 'c' })

/** Accounts that are due, by their places; a batch has two, a run of one invocation two batches. */
function world(due: number[]) {
  let nowMs = 0
  const looks: { every: number; most: number }[] = []
  const here: number[] = []
  const inRange = ({ from, to }: DueRange) =>
    due.filter((n) => (from === null || n >= from.dueMs) && (to === null || n < to.dueMs))
  /** A run over the range: closes four at most. */
  const closed = (range: DueRange): number[] => {
    const some = inRange(range).slice(0, 4)
    for (const n of some) due.splice(due.indexOf(n), 1)
    return some
  }
  const services = {
    clock: () => nowMs,
    billing: { accountsPerBatch: 2, batchesPerRun: 2 },
    configs: { load: async () => ({}) },
    accounts: {
      recountedAccounts: async () => null,
      dueMarks: async (_: number, every: number, most: number) => {
        looks.push({ every, most })
        return due
          .filter((_, i) => i > 0 && i % every === 0)
          .slice(0, most)
          .map(mark)
      },
      // Nothing is decided: what is asked for here goes.
      dueAccounts: async () => {
        here.push(...due.splice(0))
        return null
      },
    },
  }
  const close: CloseRange = async (range) => {
    nowMs += 1_000
    const issued = closed(range).length
    return { ...nothingClosed(), issued, more: inRange(range).length > 0 }
  }
  return { services: services as unknown as CloseRangesServices, close, looks, here, closed, due }
}

const upTo = (n: number) => Array.from({ length: n }, (_, i) => i + 1)

describe('ranges', () => {
  it('begin where another ends, and leave nothing out', () => {
    expect(rangesAt([])).toEqual([{ from: null, to: null }])
    expect(rangesAt([mark(1), mark(2)])).toEqual([
      { from: null, to: mark(1) },
      { from: mark(1), to: mark(2) },
      { from: mark(2), to: null },
    ])
  })
})

describe('closing by ranges', () => {
  it('what one invocation closes is closed here', async () => {
    const { services, here } = world(upTo(4))
    const report = await closeInRanges(services, () => Promise.reject(new Error('not asked')), 4)
    expect(here).toEqual(upTo(4))
    expect(report.more).toBe(false)
  })

  it('more than that is cut into ranges of as much as an invocation closes, so many of them at once', async () => {
    const { services, closed, looks } = world(upTo(25))
    let [atOnce, most] = [0, 0]
    const lanes = new Set<number>()
    const ranges: DueRange[] = []
    const report = await closeInRanges(
      services,
      async (range, lane) => {
        ranges.push(range)
        lanes.add(lane)
        most = Math.max(most, ++atOnce)
        await new Promise((resolve) => setTimeout(resolve, 1))
        atOnce--
        return { ...nothingClosed(), issued: closed(range).length }
      },
      3,
    )
    expect(report).toMatchObject({ issued: 25, more: false })
    expect(most).toBe(3)
    expect([...lanes].sort()).toEqual([0, 1, 2])
    expect(ranges).toEqual(rangesAt([5, 9, 13, 17, 21, 25].map(mark)))
    // The last look has found no more than one invocation closes.
    expect(looks).toHaveLength(2)
    expect(looks[0]).toEqual({ every: 4, most: 19 })
  })

  it('what comes to be due meanwhile is looked for again', async () => {
    const { services, close, due, here } = world(upTo(10))
    let added = false
    const report = await closeInRanges(
      services,
      async (range, lane) => {
        if (!added) due.unshift(-3, -2, -1)
        added = true
        return close(range, lane)
      },
      1,
    )
    expect(due).toEqual([])
    expect([...here].sort()).not.toEqual([])
    expect(report.more).toBe(false)
  })

  it('a run cuts twenty ranges at most, and says that there is more', async () => {
    const { services, close, due } = world(upTo(1_000))
    const report = await closeInRanges(services, close, 4)
    expect(report).toMatchObject({ issued: 80, more: true })
    expect(due).toHaveLength(920)
  })

  it('begins no other range when the next run is near', async () => {
    const { services, close, due } = world(upTo(76))
    const report = await closeInRanges(
      services,
      async (range, lane) => {
        for (let seconds = 0; seconds < 9; seconds++) await close({ from: mark(1_000), to: null }, lane)
        return close(range, lane)
      },
      1,
    )
    expect(report.more).toBe(true)
    expect(report.issued).toBe(76 - due.length)
    expect(due.length).toBeGreaterThan(40)
  })

  it('throws what a range throws, when the others have ended', async () => {
    const { services, close, due } = world(upTo(12))
    const run = closeInRanges(
      services,
      (range, lane) => (range.from === null ? Promise.reject(new Error('away')) : close(range, lane)),
      2,
    )
    await expect(run).rejects.toThrow('away')
    expect(due).toEqual(upTo(4))
  })
})

// Jobs in invocations of their own: every partition until nothing is left, and here where an object can't.

import { describe, expect, it } from 'vitest'
import { nothingClosed } from '../../src/billing/invoices/close-due.ts'
import type { CloseRangesServices } from '../../src/billing/invoices/close-ranges.ts'
import { type Apart, apartIn, closeApart, flushApart, runOnAndOn } from '../../src/jobs/apart.ts'
import { TollgateError } from '../../src/kernel/errors.ts'
import { type FlushReport, type FlushServices, nothingFlushed } from '../../src/metering/flush.ts'

/** Segments that wait, by partition; a run settles one. `away`: those whose database can't be reached. */
function world(waiting: number[], away: number[] = []) {
  let nowMs = 0
  const settled: string[] = []
  const run = (where: string, partition: number): FlushReport => {
    nowMs += 1_000
    if (away.includes(partition)) throw new TollgateError('store_unavailable', 'away', { store: 'counters' })
    if (waiting[partition]! > 0) {
      waiting[partition]!--
      settled.push(`${partition} ${where}`)
      return { ...nothingFlushed(), settledSegments: 1, settledCounters: 10, remaining: waiting[partition]! }
    }
    return nothingFlushed()
  }
  const seal = async (partition: number) => {
    run('here', partition)
    return { kind: 'sealed', nowMs: 0, segments: [], fillAsked: null, idsToForget: false }
  }
  const services = {
    clock: () => nowMs,
    limits: { segmentsPerFlush: 15, settleAfterMs: 0 },
    counters: {
      listPartitions: async () => waiting.map((_, id) => ({ id, database: `database ${id}` })),
      seal,
    },
  } as unknown as FlushServices
  const apart: Apart = {
    flush: async (partition) => run('apart', partition),
    close: async () => nothingClosed(),
    jobs: async () => false,
  }
  return { services, apart, settled }
}

describe('settling apart', () => {
  it('goes on with each partition until nothing of it is left, and says what all came to', async () => {
    const { services, apart, settled } = world([3, 0, 1])
    expect(await flushApart(services, apart)).toMatchObject({
      settledSegments: 4,
      settledCounters: 40,
      remaining: 0,
      unreachable: [],
    })
    expect(settled.sort()).toEqual(['0 apart', '0 apart', '0 apart', '2 apart'])
  })

  it('begins nothing more when the next run is near', async () => {
    const { services, apart, settled } = world([1_000, 1_000])
    const report = await flushApart(services, apart)
    expect(report.remaining).toBe(2_000 - settled.length)
    expect(settled.length).toBeLessThan(60)
  })

  it('is done here where an object fails', async () => {
    const { services, apart, settled } = world([1, 1])
    const broken = {
      ...apart,
      flush: (partition: number) =>
        partition === 0 ? Promise.reject(new Error('gone')) : apart.flush(partition),
    }
    await flushApart(services, broken)
    expect(settled.sort()).toEqual(['0 here', '1 apart'])
  })

  it('names a database that is away, and throws where all are', async () => {
    const some = world([1, 1], [1])
    expect(await flushApart(some.services, some.apart)).toMatchObject({
      settledSegments: 1,
      unreachable: ['database 1'],
    })
    const none = world([1, 1], [0, 1])
    await expect(flushApart(none.services, none.apart)).rejects.toThrow('away')
  })
})

describe('closing apart', () => {
  const settings = { accountsPerBatch: 100, batchesPerRun: 10 }
  const mark = (customerId: string) => ({ dueMs: 0, tenantId: 't', customerId })
  /** What is due has these places in it until somebody closes. */
  function due(marks: string[]) {
    const here: unknown[] = []
    const services = {
      clock: () => 0,
      billing: settings,
      accounts: {
        recountedAccounts: async () => null,
        dueMarks: async () => marks.splice(0).map(mark),
        dueAccounts: async (_: number, __: number, range: unknown) => {
          here.push(range)
          return null
        },
      },
    } as unknown as CloseRangesServices
    return { services, here }
  }

  it('is of ranges, an object for each of those that are closed at once', async () => {
    const { services } = due(['b', 'c'])
    const lanes: number[] = []
    const apart = {
      close: async (_: unknown, lane: number) => {
        lanes.push(lane)
        return { ...nothingClosed(), issued: 10 }
      },
    } as unknown as Apart
    expect(await closeApart(services, apart)).toMatchObject({ issued: 30, more: false })
    expect(lanes).toEqual([0, 1, 2])
  })

  it('is done here where an object fails', async () => {
    const { services, here } = due(['b'])
    const apart = { close: () => Promise.reject(new Error('gone')) } as unknown as Apart
    expect(await closeApart(services, apart)).toMatchObject({ issued: 0, more: false })
    expect(here).toEqual([
      { from: null, to: mark('b') },
      { from: mark('b'), to: null },
      { from: null, to: null },
    ])
  })

  it('goes through a namespace to an object of each lane', async () => {
    const asked: unknown[] = []
    const objects = apartIn(
      {
        idFromName: (name) => name,
        get: (id, options) =>
          ({
            close: async (range: unknown) => {
              asked.push([id, options, range])
              return nothingClosed()
            },
          }) as unknown as Apart,
      },
      'weur',
    )
    await objects.close({ from: null, to: mark('b') }, 2)
    expect(asked).toEqual([['jobs/close/2', { locationHint: 'weur' }, { from: null, to: mark('b') }]])
  })
})

describe('a run of jobs', () => {
  const reports =
    (...more: boolean[]) =>
    async () => ({ flushed: null, more: more.shift() ?? false })

  it('goes on apart as long as there is more, and not where there is nothing apart', async () => {
    let [nowMs, runs] = [0, 0]
    const clock = () => nowMs
    const jobs = async () => {
      nowMs += 1_000
      return ++runs < 3
    }
    const apart = { jobs } as unknown as Apart
    await runOnAndOn(reports(false), apart, clock)
    expect(runs).toBe(0)
    await runOnAndOn(reports(true), null, clock)
    await runOnAndOn(reports(true), apart, clock)
    expect(runs).toBe(3)
    runs = Number.NEGATIVE_INFINITY
    await runOnAndOn(reports(true), apart, clock)
    expect(nowMs).toBe(3_000 + 45_000)
  })

  it('waits for the next one where an object fails', async () => {
    const apart = { jobs: () => Promise.reject(new Error('gone')) } as unknown as Apart
    await runOnAndOn(reports(true), apart, () => 0)
  })
})

// Actors: two runs of the job at once, over the same accounts or over different ranges of what is due.

import fc from 'fast-check'
import { ALL_DUE, type DueRange, rangesAt } from '../../../../src/billing/invoices/due-range.ts'
import { type Operation, some } from '../../operations/operation.ts'
import { type Pace, smoothly } from '../../stage.ts'
import type { Year } from '../year.ts'
import { looked, runClosing } from './closing.ts'
import { time } from './faults.ts'

const turnsTaken = fc.array(fc.boolean(), { maxLength: 12, size: 'max' })

/** Two runs at once, whose calls take turns as drawn. */
export const closeAtOnce: Operation<{ isolates: [number, number]; turns: boolean[] }, Year> = {
  name: 'close-at-once',
  weight: 4,
  arbitrary: fc.record({ isolates: fc.tuple(some, some), turns: turnsTaken }),
  async run(year, { isolates, turns }) {
    const runs = isolates.map((isolate) => () => runClosing(year, isolate, parked))
    await inTurns(year, runs, turns)
    await looked(year)
  },
}

/** Two runs at once over what is due on either side of a mark, whose calls take turns; or over ranges that overlap. */
export const closeRanges: Operation<
  { isolates: [number, number]; turns: boolean[]; days: number; every: number; overlap: boolean },
  Year
> = {
  name: 'close-ranges',
  weight: 6,
  arbitrary: fc.record({
    isolates: fc.tuple(some, some),
    turns: turnsTaken,
    days: fc.constantFrom(0, 1, 8, 31),
    every: fc.constantFrom(1, 1, 2),
    overlap: fc.constantFrom(false, false, false, true),
  }),
  async run(year, { isolates, turns, days, every, overlap }) {
    if (days > 0) await time.run(year, { hours: 24 * days })
    const looking = year.isolate(isolates[0])
    let ranges: DueRange[] = []
    await year.start('look', looking, smoothly, async () => {
      const { accounts, clock } = looking.services
      ranges = rangesAt(await accounts.dueMarks(clock(), every, 1))
    })
    const [first = ALL_DUE, second = ALL_DUE] = ranges
    const both = [first, overlap ? ALL_DUE : second]
    const runs = both.map((range, i) => () => runClosing(year, isolates[i]!, parked, range))
    await inTurns(year, runs, turns)
    await looked(year)
  },
}

const parked: Pace = { fates: [], rest: 'parked' }

async function inTurns(year: Year, runs: (() => Promise<unknown>)[], turns: boolean[]): Promise<void> {
  const before = new Set(year.network.parked)
  for (const run of runs) await run()
  const mine = () => year.network.parked.filter((call) => !before.has(call) && call.actor.name === 'close')
  for (const turn of turns) {
    const [first, second] = mine()
    const next = turn ? second : first
    if (next) await year.network.deliver(next.actor, 'ok')
  }
}

// Law 4, without any store: a correction and then its revert leave every event as it was, whatever came between.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Act, type Correction, corrected, standingOf, stateOf, takes } from '../../src/log/act.ts'
import type { LogEntry } from '../../src/log/entry.ts'

const BLOCK = 'segment/tenant/0-a'
const customers = ['ann', 'bob', 'cy']
const regions = ['eu', 'us']

const drawnEntry: fc.Arbitrary<LogEntry> = fc.record({
  id: fc.constantFrom('e1', 'e2'),
  customerId: fc.constantFrom(...customers),
  resourceType: fc.constant('api_call'),
  quantity: fc.constantFrom('1', '2', '3'),
  timestampMs: fc.integer({ min: 0, max: 3 }),
  properties: fc.record({ region: fc.constantFrom(...regions) }, { requiredKeys: [] }),
  receivedMicros: fc.integer({ min: 0, max: 3 }),
  meters: fc.constant([]),
})

const drawnCorrection: fc.Arbitrary<Omit<Correction, 'correction'> & { takesBlock: boolean }> = fc.record({
  action: fc.constantFrom('void', 'amend', 'amend', 'move'),
  filter: fc.record({
    eventId: fc.constantFrom(null, null, 'e1'),
    receivedFrom: fc.constantFrom(0, 0, 2),
    customerId: fc.constantFrom(null, ...customers),
    resourceType: fc.constantFrom(null, 'api_call'),
    fromMs: fc.constantFrom(null, 1),
    toMs: fc.constantFrom(null, 3),
    properties: fc.constantFrom<[string, string][][]>([], [], [['region', 'eu']]),
  }),
  set: fc.record(
    {
      customerId: fc.constantFrom(...customers),
      quantity: fc.constantFrom('7', '8'),
      timestampMs: fc.integer({ min: 0, max: 3 }),
      properties: fc.constantFrom({ region: 'eu' }, { region: 'us' }, { region: null }),
    },
    { requiredKeys: [] },
  ),
  reason: fc.constant(''),
  takesBlock: fc.boolean(),
})

/** What happened: corrections applied one after the other, and among them some of the earlier ones reverted. */
const drawnActs = fc
  .array(fc.tuple(drawnCorrection, fc.nat(), fc.integer({ min: 0, max: 2 })), { maxLength: 8 })
  .map((drawn) => {
    const acts: Act[] = []
    const open: Act[] = []
    const add = (act: Omit<Act, 'number'>) => {
      const whole = { ...act, number: acts.length + 1 }
      acts.push(whole)
      return whole
    }
    for (const [i, [{ takesBlock, ...correction }, pick, reverts]] of drawn.entries()) {
      const blocks = new Set(takesBlock ? [BLOCK, 'other'] : ['other'])
      open.push(add({ ...correction, correction: `c${i}`, kind: 'apply', blocks, atMs: i }))
      for (let n = 0; n < reverts && open.length > 0; n++) {
        const [back] = open.splice((pick + n) % open.length, 1)
        add({ ...back!, kind: 'revert', atMs: i })
      }
    }
    return acts
  })

const renumbered = (acts: Act[]): Act[] => acts.map((act, i) => ({ ...act, number: i + 1 }))

/** The definition, as slow as it reads: what an act took is judged by everything that stood when it was entered. */
function oracle(entry: LogEntry, acts: Act[]): LogEntry | null {
  const took = new Set<Act>()
  const foldUpTo = (end: number) => {
    let state: LogEntry | null = entry
    for (const act of acts.slice(0, end)) {
      const reverted = acts
        .slice(0, end)
        .some((one) => one.kind === 'revert' && one.correction === act.correction)
      if (act.kind === 'apply' && took.has(act) && !reverted && state !== null) state = corrected(state, act)
    }
    return state
  }
  for (const [i, act] of acts.entries()) {
    const before = foldUpTo(i)
    if (act.kind === 'apply' && act.blocks.has(BLOCK) && before !== null && takes(act, before)) took.add(act)
  }
  return foldUpTo(acts.length)
}

const runs = { numRuns: 2_000 }

describe('an event after corrections', () => {
  it('is what the acts that took it and stand made of it', () => {
    fc.assert(
      fc.property(drawnEntry, drawnActs, (entry, acts) => {
        expect(stateOf(entry, BLOCK, acts)).toEqual(oracle(entry, acts))
      }),
      runs,
    )
  })

  it('a correction and then its revert are nothing, whatever was before', () => {
    fc.assert(
      fc.property(drawnEntry, drawnActs, drawnCorrection, (entry, acts, correction) => {
        const apply: Act = {
          ...correction,
          correction: 'mine',
          kind: 'apply',
          blocks: new Set([BLOCK]),
          number: acts.length + 1,
          atMs: 0,
        }
        const both = [...acts, apply, { ...apply, kind: 'revert' as const, number: acts.length + 2 }]
        expect(standingOf(entry, BLOCK, both)).toEqual(standingOf(entry, BLOCK, acts))
      }),
      runs,
    )
  })

  it('once all are reverted, in any order, it is what was sent', () => {
    fc.assert(
      fc.property(drawnEntry, drawnActs, fc.infiniteStream(fc.nat()), (entry, acts, picks) => {
        const open = acts.filter(
          ({ kind, correction }) =>
            kind === 'apply' && !acts.some((one) => one.kind === 'revert' && one.correction === correction),
        )
        const all = [...acts]
        while (open.length > 0) {
          const [back] = open.splice(picks.next().value! % open.length, 1)
          all.push({ ...back!, kind: 'revert' })
        }
        expect(stateOf(entry, BLOCK, renumbered(all))).toEqual(entry)
      }),
      runs,
    )
  })

  it('two reverts come to the same in either order', () => {
    fc.assert(
      fc.property(drawnEntry, drawnActs, (entry, acts) => {
        const applies = acts.filter(({ kind }) => kind === 'apply')
        fc.pre(applies.length >= 2)
        const [a, b] = [applies[0]!, applies.at(-1)!].map((act) => ({ ...act, kind: 'revert' as const }))
        expect(stateOf(entry, BLOCK, [...applies, a!, b!])).toEqual(
          stateOf(entry, BLOCK, [...applies, b!, a!]),
        )
      }),
      runs,
    )
  })

  it('is not taken by an act that did not take its block, nor by one that matches only what it became later', () => {
    const entry: LogEntry = {
      id: 'e1',
      customerId: 'ann',
      resourceType: 'api_call',
      quantity: '1',
      timestampMs: 0,
      properties: {},
      receivedMicros: 5,
      meters: [],
    }
    const act = (number: number, customerId: string, more: Partial<Act>): Act => ({
      number,
      correction: `c${number}`,
      kind: 'apply',
      blocks: new Set([BLOCK]),
      action: 'void',
      set: {},
      filter: {
        eventId: null,
        receivedFrom: 0,
        customerId,
        resourceType: null,
        fromMs: null,
        toMs: null,
        properties: [],
      },
      reason: '',
      atMs: 0,
      ...more,
    })
    expect(stateOf(entry, BLOCK, [act(1, 'ann', { blocks: new Set(['other']) })])).toEqual(entry)
    const move = act(2, 'ann', { action: 'move', set: { customerId: 'bob' } })
    expect(stateOf(entry, BLOCK, [act(1, 'bob', {}), move])).toEqual({ ...entry, customerId: 'bob' })
    expect(stateOf(entry, BLOCK, [move, act(3, 'bob', {})])).toBeNull()
    // It was voided as bob's: without the move it is voided still.
    const back: Act = { ...move, number: 4, kind: 'revert' }
    expect(stateOf(entry, BLOCK, [move, act(3, 'bob', {}), back])).toBeNull()
  })
})

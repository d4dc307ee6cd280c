// What an act changes, computed from blocks that are settled, on a ground that the statement which enters it looks at again.

import { digest128 } from '../kernel/digest.ts'
import { TollgateError } from '../kernel/errors.ts'
import { type Act, type Correction, standingOf, takes } from './act.ts'
import { type ActServices, actsOn, blocksOf } from './act-blocks.ts'
import { ActChanges, type Turn } from './act-changes.ts'
import type { FoundAt, Ground, MarkedRow } from './act-ports.ts'
import type { KeptEffect } from './correction.ts'
import { type CounterChange, type Effect, summaryOf } from './effect.ts'
import { customerHash } from './hashes.ts'
import type { FoundBlock } from './ports.ts'
import { recount } from './recount.ts'

/** `took`: how many events the correction took when it was applied; for a revert. */
export type ActWanted = { correction: Correction; kind: Act['kind']; took: number | null }

export type ComputedAct = {
  ground: Ground
  /** names of those blocks that have an event which it takes */
  blocks: string[]
  effect: Effect
  /** stands for the events that it takes */
  taken: string
  marked: MarkedRow[]
  found: FoundAt[]
}

/**
 * The act over these blocks (names). null: the ledger moved meanwhile, and it is to be computed again; 'entered': somebody else
 * has entered it by now. Throws too_much_at_once, validation_failed, before_the_log and events_erased.
 */
export async function computeAct(
  services: ActServices,
  tenantId: string,
  wanted: ActWanted,
  names: string[],
): Promise<ComputedAct | 'entered' | null> {
  const ground = await services.corrections.ground(tenantId, names)
  const last = ground.acts.findLast(({ correction }) => correction === wanted.correction.correction)
  if (last !== undefined && (wanted.kind === 'apply' || last.kind === 'revert')) return 'entered'
  const changes = new ActChanges(ground, wanted.correction.filter.eventId === null ? '#/set' : '#')
  const blocks: string[] = []
  const found: FoundAt[] = []
  const taken: string[] = []
  for await (const [block, { entries }] of blocksOf(services.blocks, ground.blocks)) {
    const turns = turnsOf(entries, block, actsOn(block.name, ground.acts), wanted)
    if (turns.length === 0) continue
    blocks.push(block.name)
    for (const turn of turns) {
      changes.take(turn)
      taken.push(`${turn.entry.receivedMicros} ${turn.entry.id}`)
    }
    const at = foundAt(tenantId, block.name, turns)
    if (at !== null) found.push(at)
  }
  if (wanted.took !== null && changes.events < wanted.took) throw erased()
  const act = { ...wanted.correction, kind: wanted.kind, blocks: new Set(blocks) }
  const anew = await recount(services, tenantId, { ground, act, fields: changes.anew() })
  if (anew === null) return null
  const effect = { events: changes.events, changes: byPlace([...changes.added(), ...anew.changes]) }
  return { ground, blocks, effect, taken: digest128(taken.sort().join('\n')), marked: anew.marked, found }
}

/** The events that the act takes, as they are before it and after it. */
function turnsOf(
  entries: Turn['entry'][],
  block: FoundBlock,
  acts: Act[],
  { correction, kind }: ActWanted,
): Turn[] {
  const next: Act = {
    ...correction,
    kind,
    number: (acts.at(-1)?.number ?? 0) + 1,
    blocks: new Set([block.name]),
    atMs: 0,
  }
  return entries.flatMap((entry) => {
    const { state: before, acts: standing } = standingOf(entry, block.name, acts)
    const isTaken =
      kind === 'apply'
        ? before !== null && takes(correction, before)
        : standing.some((act) => act.correction === correction.correction)
    if (!isTaken) return []
    return [{ entry, block, before, after: standingOf(entry, block.name, [...acts, next]).state }]
  })
}

/** Where the index must lead to the block from now on: what it says of a block is of the events as they were sent. */
function foundAt(tenantId: string, block: string, turns: Turn[]): FoundAt | null {
  const customers = new Set<string>()
  let span: [number, number] | null = null
  for (const { entry, after } of turns) {
    if (after === null) continue
    if (after.customerId !== entry.customerId) customers.add(customerHash(tenantId, after.customerId))
    const at = after.timestampMs
    if (at !== entry.timestampMs) span = [Math.min(span?.[0] ?? at, at), Math.max(span?.[1] ?? at, at)]
  }
  if (customers.size === 0 && span === null) return null
  return { block, customers: [...customers], timestampMs: span }
}

const byPlace = (changes: CounterChange[]): CounterChange[] =>
  changes
    .map((change) => [placeText(change), change] as const)
    .sort(([x], [y]) => (x < y ? -1 : x > y ? 1 : 0))
    .map(([, change]) => change)

const placeText = ({ customerId, meterId, hourMs, groups, distinctValue }: CounterChange): string =>
  JSON.stringify([customerId, meterId, hourMs, groups, distinctValue])

/** As it is kept with the correction. */
export const keptEffect = (effect: Effect): KeptEffect => ({
  meters: summaryOf(effect),
  digest: digest128(JSON.stringify([effect.events, effect.changes])),
})

const erased = (): TollgateError =>
  new TollgateError(
    'events_erased',
    'Events that the correction took were erased since: what they were can’t be given back.',
  )

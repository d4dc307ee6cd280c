// Valid values for what changes what was counted: corrections of events that there are, files for imports, revisions of meters.

import { named } from './actor.ts'
import { CSV, csvText } from './import-file.ts'
import { Fields, type Json, Raw } from './json-text.ts'
import type { Random } from './random.ts'
import { checkedMeters } from './standing.ts'
import type { Setting } from './values.ts'

type Make = (setting: Setting) => Json
/** How values of events are made otherwise. */
type Parts = Record<'customer_id' | 'resource_type' | 'quantity' | 'timestamp' | 'properties' | 'hour', Make>

const EVENTS_MAX = 5
const HISTORY_DAYS = 380

export function changeValues(parts: Parts): Record<string, Make> {
  const eventId: Make = ({ actor, random }) => named(actor, 'eventIds', random, 0.05)
  const correction = (pool: 'corrections' | 'toApply' | 'toRevert'): Make => {
    return ({ actor, random }) =>
      named(actor, actor[pool].length > 0 && random.chance(0.8) ? pool : 'corrections', random, 0.05)
  }
  const reason: Make = ({ actor, random }) =>
    `${actor.secret} ${random.pick(['a test run', 'sent twice', 'größe'])}`
  const revised: Make = ({ actor, random }) =>
    random.chance(0.5) ? random.pick(checkedMeters(actor)) : named(actor, 'meters', random, 0.05)
  const from: Make = (setting) => (setting.random.chance(0.6) ? 'beginning' : parts.hour(setting))
  return {
    reason,
    'voidEvent.id': eventId,
    'amendEvent.id': eventId,
    'amendEvent.body': (setting) =>
      new Fields([...setOf(setting, parts), ['reason', reason(setting)], ...asOf(setting)]),
    'createCorrection.body': (setting) => correctionOf(setting, parts, reason),
    'getCorrection.id': correction('corrections'),
    'applyCorrection.id': correction('toApply'),
    'revertCorrection.id': correction('toRevert'),
    'getImport.id': ({ actor, random }) => named(actor, 'imports', random, 0.05),
    'getErasure.id': ({ actor, random }) => named(actor, 'erasures', random, 0.05),
    // What is erased can't be counted anew, nor given back: so not before there was time for both.
    'eraseCustomerEvents.customer_id': ({ actor, random }) =>
      actor.mayErase ? named(actor, 'customers', random, 0.1) : `${actor.open}${random.word(6)}`,
    'reviseMeter.key': revised,
    'replayMeter.key': revised,
    'listRevisions.key': revised,
    'cancelRevision.key': ({ actor, random }) =>
      actor.revisions.size > 0 && random.chance(0.9)
        ? random.pick([...actor.revisions.keys()].slice(-3))
        : named(actor, 'meters', random),
    'cancelRevision.number': ({ actor, chosen }) => String(actor.revisions.get(chosen.key ?? '') ?? 1),
    'reviseMeter.body': (setting) => revisionOf(setting, from),
    'replayMeter.body': (setting) => new Fields([['from', from(setting)], ...dryRun(setting)]),
    ...importValues(parts),
  }
}

const asOf = ({ random }: Setting): [string, Json][] =>
  random.chance(0.3) ? [['as', random.pick(['adjustment', 'credit_note'])]] : []

/** Something of an event, at least one. */
function setOf(setting: Setting, parts: Parts): [string, Json][] {
  const names = ['quantity', 'timestamp', 'customer_id', 'properties'] as const
  const certain = setting.random.pick(names)
  return names
    .filter((name) => name === certain || setting.random.chance(0.3))
    .map((name) => [name, name === 'properties' ? changedProperties(setting) : parts[name](setting)])
}

const changedProperties = ({ actor, random }: Setting): Json =>
  new Fields([
    ['region', random.pick<Json>([`${actor.secret} region`, `${actor.secret} other`, 'chat', null])],
    ...random.pick<[string, Json][]>([
      [],
      [['usage', null]],
      [['usage', new Fields([['tokens', 12]])]],
      [['$.usage.tokens', '7']],
    ]),
  ])

function correctionOf(setting: Setting, parts: Parts, reason: Make): Json {
  const { actor, random, nowMs } = setting
  const action = random.pick(['void', 'amend', 'move'])
  const [early, late] = [-40 * 24 * 3_600_000, 2 * 3_600_000].map((ms) => new Date(nowMs + ms).toISOString())
  const filter: [string, Json][] = [
    ...optional(random, 0.6, 'customer_id', () => random.pick(actor.customers)),
    ...optional(random, 0.5, 'resource_type', () => parts.resource_type(setting)),
    ['from', random.chance(0.7) ? early! : parts.hour(setting)],
    ['to', late!],
    ...optional(random, 0.15, 'properties', () => new Fields([['region', `${actor.secret} region`]])),
  ]
  const moved: [string, Json] = ['customer_id', parts.customer_id(setting)]
  const set = action === 'amend' ? setOf(setting, parts) : [moved]
  return new Fields([
    ['filter', new Fields(filter)],
    ['action', action],
    ...(action === 'void' ? [] : ([['set', new Fields(set)]] as [string, Json][])),
    ['reason', reason(setting)],
    ...asOf(setting),
  ])
}

const dryRun = ({ random }: Setting): [string, Json][] => optional(random, 0.2, 'dry_run', () => true)

const optional = (random: Random, chance: number, name: string, make: () => Json): [string, Json][] =>
  random.chance(chance) ? [[name, make()]] : []

/** Of a meter whose totals are checked other groups alone: they leave the totals as they were. */
function revisionOf(setting: Setting, from: Make): Json {
  const { actor, random, chosen } = setting
  const groups = random.pick([
    ['region'],
    ['region', 'model'],
    ['size', 'region'],
    ['usage.tokens', 'region'],
  ])
  const isChecked = checkedMeters(actor).includes(chosen.key ?? '')
  return new Fields([
    ['from', from(setting)],
    ['group_by', groups],
    ...dryRun(setting),
    ...(isChecked
      ? []
      : optional(random, 0.3, 'filter', () => [
          new Fields([
            ['property', 'region'],
            ['op', 'exists'],
            ['value', random.chance(0.5)],
          ]),
        ])),
  ])
}

function importValues(parts: Parts): Record<string, Make> {
  return {
    'importEvents.mode': ({ random }) => random.pick(['history', 'billable']),
    'importEvents.from_line': ({ random }) => random.pick(['1', '1', '2']),
    'importEvents.columns': ({ random }) =>
      random.pick(['customer_id:who', 'customer_id:who,quantity:how much', 'id:no column', 'id:']),
    'importEvents.values': ({ actor }) => `resource_type:${actor.open}call`,
    'importEvents.times': ({ random }) => random.pick(['rfc3339', 'seconds', 'milliseconds']),
    'importEvents.body': (setting) => {
      const { random, mediaType, chosen } = setting
      const events = Array.from({ length: 1 + random.int(EVENTS_MAX) }, () => imported(setting, parts))
      // The same line twice counts once.
      if (random.chance(0.3)) events.push(random.pick(events))
      return mediaType === CSV ? new Raw(csvText(events, chosen)) : events
    },
  }
}

function imported(setting: Setting, parts: Parts): Fields {
  const { actor, random, nowMs, chosen } = setting
  const days = chosen.mode === 'history' ? HISTORY_DAYS : 34
  const at = new Date(nowMs - random.int(days * 24) * 3_600_000 - random.int(3_600_000))
  return new Fields([
    ['id', named(actor, 'eventIds', random, 0.85)],
    ['customer_id', parts.customer_id(setting)],
    ['resource_type', parts.resource_type(setting)],
    ['timestamp', at.toISOString()],
    ...optional(random, 0.7, 'quantity', () => parts.quantity(setting)),
    ...optional(random, 0.9, 'properties', () => parts.properties(setting)),
  ])
}

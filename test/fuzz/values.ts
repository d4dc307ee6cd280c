// Valid values: what a field is likely to take, by its name, and whatever its schema says otherwise.

import { type Actor, type AdminPool, BASE_TYPES, named } from './actor.ts'
import { changeValues } from './change-values.ts'
import { type ApiDocument, type Operation, resolved, type Schema } from './document.ts'
import { Fields, type Json, Raw, tree } from './json-text.ts'
import { PROTOTYPE_NAMES } from './nasty.ts'
import type { Random } from './random.ts'

export type Setting = {
  document: ApiDocument
  operation: Operation
  actor: Actor
  admin: AdminPool
  random: Random
  nowMs: number
  mediaType: string | null
  /** What the path and the query have been given: the body goes by it. */
  chosen: Record<string, string>
}

const PROPERTY_NAMES = ['region', 'model', 'user_id', 'size', 'tokens', 'constructor', 'toString', 'größe']
const HOUR_MS = 3_600_000

const secretText = ({ actor, random }: Setting): string =>
  random.pick([`${actor.secret} ${random.word(5)}`, `Ünïcode ${actor.secret}`, `${actor.secret}😀`])

const instant = ({ random, nowMs }: Setting): string => {
  const at = new Date(nowMs - random.int(34 * 24) * HOUR_MS - random.int(HOUR_MS))
  return random.chance(0.3) ? `${at.toISOString().slice(0, 19)}+05:30` : at.toISOString()
}

/** A full hour of the tenant's time zone. */
export function fullHour(timezone: string, nowMs: number, hoursLater: number): string {
  const shiftMs = timezone === 'Asia/Kolkata' ? HOUR_MS / 2 : 0
  return new Date(Math.floor(nowMs / HOUR_MS) * HOUR_MS + shiftMs + hoursLater * HOUR_MS).toISOString()
}

/** A midnight of the tenant's time zone. */
export function midnight(timezone: string, nowMs: number, daysLater: number): string {
  const shiftMs = timezone === 'Asia/Kolkata' ? 5.5 * HOUR_MS : 0
  return new Date(
    Math.floor((nowMs + shiftMs) / (24 * HOUR_MS) + daysLater) * 24 * HOUR_MS - shiftMs,
  ).toISOString()
}

const hour = ({ random, nowMs, actor }: Setting, fromHours: number, hours: number): string =>
  fullHour(actor.timezone, nowMs, fromHours + random.int(hours))

function quantity({ random }: Setting): Json {
  const digits = String(random.int(1_000_000))
  return random.pick<Json>([
    random.int(1_000),
    new Raw(`${random.int(1_000)}.${random.int(1_000)}`),
    new Raw(random.pick(['1e2', '1.0', '0', '-0', '0.000000000001', '123456789012345'])),
    `${digits}.${digits}`,
    random.pick(['1.50', '0', '0.1', '999999999999999.999999999999']),
  ])
}

function properties(setting: Setting): Json {
  const { random } = setting
  const values = (name: string): Json => {
    if (name === 'size' || name === 'tokens') return quantity(setting)
    return random.chance(0.85) ? secretText(setting) : random.pick<Json>([true, null, 12, 'plain', ''])
  }
  const names = ['region', 'user_id', 'size', ...PROPERTY_NAMES.filter(() => random.chance(0.2))]
  const flat = [...new Set(names)].map((name): [string, Json] => [name, values(name)])
  return new Fields(random.chance(0.5) ? [...flat, ['usage', nested(setting)]] : flat)
}

const resourceType = ({ operation, actor, random }: Setting): string =>
  // Meters are made for other types than those whose totals are checked, or these would soon take no event any more.
  operation.id !== 'createMeter' && random.chance(0.7)
    ? `${actor.open}${random.pick(BASE_TYPES)}`
    : random.chance(0.1)
      ? random.pick(PROTOTYPE_NAMES)
      : named(actor, 'resourceTypes', random)

const PATHS = [
  ...[
    'usage.tokens',
    '$.usage.tokens',
    "$.usage['ki nd']",
    'usage.list[0]',
    '$["usage"].list[1].deep',
    'a.b',
  ],
  ...["$['a.b']", 'usage.constructor', 'usage.list.length', '$price', 'price (eur)'],
]
/** What no path can be. */
const BROKEN_PATHS = [
  '$',
  '$..usage',
  'usage[*]',
  'a..b',
  'usage[',
  "usage['",
  'a.__proto__',
  "$['\\u0000']",
  ']',
]

function propertyName({ random }: Setting): string {
  if (random.chance(0.05)) return random.pick(PROTOTYPE_NAMES)
  if (random.chance(0.03)) return random.pick(BROKEN_PATHS)
  return random.pick(random.chance(0.3) ? PATHS : PROPERTY_NAMES)
}

const nested = (setting: Setting): Json =>
  new Fields([
    ['tokens', setting.random.chance(0.2) ? null : quantity(setting)],
    ['ki nd', setting.random.pick<Json>(['chat', 1, true, secretText(setting)])],
    ['list', [quantity(setting), new Fields([['deep', secretText(setting)]])]],
  ])

function filterOf(setting: Setting): Json {
  const { random } = setting
  const scalar = () => random.pick<Json>([secretText(setting), 'chat', '200', 1, 0.5, true, false])
  return Array.from({ length: random.int(3) }, () => {
    const op = random.pick(['eq', 'ne', 'in', 'exists', 'gt', 'gte', 'lt', 'lte'])
    const value =
      op === 'in'
        ? [scalar(), scalar()]
        : op === 'exists'
          ? random.chance(0.5)
          : /^[gl]t/.test(op)
            ? random.pick<Json>(['0', '1.5', 100])
            : scalar()
    return new Fields([
      ['property', propertyName(setting)],
      ['op', op],
      ['value', value],
    ])
  })
}

function metadata(setting: Setting): Json {
  const names = setting.random.chance(0.2) ? PROTOTYPE_NAMES.slice(1, 5) : ['crm_id', 'note']
  return new Fields(names.map((name) => [name, secretText(setting)]))
}

/** By a field's or a parameter's name; `operationId.name` goes first. */
const byName: Record<string, (setting: Setting) => Json> = {
  customer_id: ({ actor, random }) =>
    random.chance(0.05) ? random.pick(PROTOTYPE_NAMES) : named(actor, 'customers', random),
  subject: ({ actor, random }) => named(actor, 'customers', random),
  resource_type: resourceType,
  'recordUsage.type': resourceType,
  'recordUsage.id': ({ actor, random }) => named(actor, 'eventIds', random, 0.85),
  source: ({ random }) => random.pick(['/fuzz', 'urn:fuzz:1', 'https://fuzz.example/ä']),
  datacontenttype: () => 'application/json',
  specversion: () => '1.0',
  quantity: (setting) =>
    setting.operation.id === 'recordUsage'
      ? quantity(setting)
      : setting.random.pick(['1500', '0', '0.1', '999999999999999']),
  timestamp: instant,
  time: instant,
  properties,
  data: properties,
  key: (setting) => keyOf(setting),
  meter: ({ actor, random }) =>
    random.chance(0.5) ? random.pick(Object.values(actor.countMeters)) : named(actor, 'meters', random),
  plan: ({ actor, random }) => (random.chance(0.3) ? null : named(actor, 'plans', random, 0)),
  ...Object.fromEntries(
    ['createSubscription', 'changeSubscription', 'previewSubscriptionChange', 'previewInvoice'].map(
      (operation) => [`${operation}.plan`, ({ actor, random }: Setting) => named(actor, 'plans', random, 0)],
    ),
  ),
  'replayPlan.plan': ({ actor, random }) => named(actor, 'plans', random, 0),
  'replayPlan.limit': ({ random }) => random.pick([1, 20, 100]),
  version: () => 1,
  overrides: () => [],
  coupons: ({ actor, random }) => (random.chance(0.3) ? [named(actor, 'coupons', random, 0.1)] : []),
  start: (setting) => hour(setting, -30 * 24, 30 * 24),
  billing_anchor: (setting) => setting.random.pick(['2024-01-31', '2024-02-29', hour(setting, -999 * 24, 0)]),
  bill_from: (setting) => setting.random.pick(['2020-01-01', hour(setting, -30 * 24, 30 * 24)]),
  ...idsOf('subscriptions', [
    'getSubscription',
    'changeSubscription',
    'previewSubscriptionChange',
    'cancelSubscription',
    'reactivateSubscription',
  ]),
  ...idsOf('invoices', [
    'getInvoice',
    'payInvoice',
    'writeOffInvoice',
    'voidInvoice',
    'createCreditNote',
    'listCreditNotes',
    'getInvoicePage',
    'getInvoiceLinesCsv',
  ]),
  ...idsOf('drafts', ['explainInvoiceLine', 'listInvoiceLineEvents']),
  'getEvent.id': ({ actor, random }) => named(actor, 'eventIds', random, 0.05),
  ...idsOf('grants', ['voidCreditGrant']),
  ...idsOf('creditNotes', ['getCreditNote', 'getCreditNotePage', 'getCreditNoteLinesCsv']),
  line: () => '1',
  'grantCredit.currency': () => 'USD',
  'grantCredit.expires_at': () => '2099-01-01T00:00:00Z',
  'createCreditNote.amount': () => '0.01',
  'createCreditNote.lines': ({ random }) => [
    new Fields([
      ['line', 1],
      random.pick<[string, Json]>([
        ['amount', '0.01'],
        ['quantity', '0.05'],
      ]),
    ]),
  ],
  'archiveCoupon.key': ({ actor, random }) => named(actor, 'coupons', random, 0.1),
  'getCoupon.key': ({ actor, random }) => named(actor, 'coupons', random, 0.1),
  subscription_id: ({ actor, random }) => named(actor, 'subscriptions', random, 0.05),
  name: (setting) => secretText(setting),
  email: ({ actor, random }) => `${actor.secret}${random.word(3)}@example.com`,
  metadata,
  value: (setting) => (setting.random.chance(0.4) ? 'quantity' : propertyName(setting)),
  'createMeter.group_by': (setting) =>
    [...new Set([propertyName(setting), propertyName(setting)])].slice(0, setting.random.int(3)),
  'createMeter.filter': filterOf,
  'readUsage.meter': ({ actor, random }) =>
    random.chance(0.5)
      ? random.pick([actor.sumMeter, ...Object.values(actor.countMeters)])
      : named(actor, 'meters', random),
  'readUsage.group_by': (setting) =>
    setting.random.pick(['region', 'region', 'region,model', propertyName(setting)]),
  cursor: ({ actor, admin, operation, random }) =>
    operation.access === 'admin' && admin.cursors.length > 0
      ? random.pick(admin.cursors)
      : named(actor, 'cursors', random, 0.1),
  limit: ({ random }) => random.pick(['1', '2', '20', '100']),
  currency: ({ random }) => random.pick(['USD', 'JPY', 'KWD', 'EUR']),
  timezone: ({ random }) => random.pick(['UTC', 'Asia/Kolkata', 'America/St_Johns', 'Asia/Kathmandu']),
  period: ({ random, nowMs }) =>
    random.pick(['current', new Date(nowMs).toISOString().slice(0, 7), '2026-02']),
  from: (setting) => hour(setting, -40 * 24, 200),
  to: (setting) => hour(setting, -24, 48),
  tenant_id: ({ admin, random }) => random.pick(admin.tenants),
  'getTenant.id': ({ admin, random }) => random.pick(admin.tenants),
  'changeTenant.id': ({ admin, random }) => random.pick(admin.tenants),
  'getPlacement.id': movedTenant,
  'moveTenant.id': movedTenant,
  'moveTenant.body': placementOf,
  default_plan: ({ actor, random }) => named(actor, 'plans', random, 0.1),
  'revokeApiKey.id': ({ admin, random }) => random.pick(admin.keys),
  default: ({ random }) => random.chance(0.1),
  prefer: ({ random }) =>
    random.pick(['handling=lenient', 'handling=strict', 'respond-async, handling=lenient']),
  ...changeValues({
    customer_id: ({ actor, random }) => named(actor, 'customers', random),
    resource_type: resourceType,
    ...{ quantity, timestamp: instant, properties, hour: (setting) => hour(setting, -40 * 24, 39 * 24) },
  }),
  'Idempotency-Key': ({ actor, random }) =>
    `${actor.open}${random.chance(0.1) ? random.pick(['again', 'and again']) : random.word(12)}`,
  unit_amount: ({ random }) => random.pick(['0.01', '0', '5', '0.000000000001']),
  tiers: () => [
    new Fields([
      ['up_to', '10'],
      ['unit_amount', '0.5'],
    ]),
    new Fields([
      ['up_to', null],
      ['unit_amount', '0.25'],
      ['flat_amount', '1'],
    ]),
  ],
}

/** One that sends events meanwhile, too: its figures stay what they are. */
function movedTenant({ actor, admin, random }: Setting): string {
  return random.chance(0.4) ? actor.id : random.pick(admin.tenants)
}

/** Of a tenant that is spread an event's id is its customer's: the ledger of one that sends takes it for the tenant's. */
function placementOf({ actor, chosen, random }: Setting): Json {
  const mayBeSpread = chosen.id !== actor.id && random.chance(0.3)
  return new Fields(
    mayBeSpread
      ? [
          ['partitions', [0, 1]],
          ['spread_by', 'customer'],
        ]
      : [['partitions', [random.pick([0, 0, 1, 2])]]],
  )
}

/** Paths whose `id` is one of these. */
function idsOf(
  pool: 'subscriptions' | 'invoices' | 'drafts' | 'grants' | 'creditNotes',
  operations: string[],
) {
  const pick = ({ actor, random }: Setting) => named(actor, pool, random, 0.05)
  return Object.fromEntries(operations.map((operation) => [`${operation}.id`, pick]))
}

function keyOf({ operation, actor, random }: Setting): string {
  const isPlan = operation.path.includes('plan')
  const isNew = operation.method === 'POST' && !operation.path.includes('{')
  return named(actor, isPlan ? 'plans' : 'meters', random, isNew ? 0.7 : 0.1)
}

/** A value that the schema allows. Throws where it can't tell one: then test/fuzz/values.ts needs to be told. */
export function makeValue(setting: Setting, sent: Schema, name: string, depth = 0): Json {
  const { random, document, operation } = setting
  const known = byName[`${operation.id}.${name}`] ?? (depth > 0 ? byName[name] : undefined)
  if (known) return known(setting)
  const schema = resolved(document, sent)
  const forms = schema.anyOf ?? schema.oneOf
  if (forms) return makeValue(setting, random.pick(forms), name, depth + 1)
  if (schema.allOf) return makeValue(setting, schema.allOf[0]!, name, depth + 1)
  if (schema.const !== undefined) return tree(schema.const)
  if (schema.enum) return tree(random.pick(schema.enum))
  const type = [schema.type ?? 'object'].flat()[0]
  if (type === 'object' && schema.properties) return objectOf(setting, schema, depth)
  if (type === 'array') {
    const count = Math.max(schema.minItems ?? 0, random.int(4))
    return Array.from({ length: count }, () => makeValue(setting, schema.items ?? {}, name, depth + 1))
  }
  const example = schema.example ?? schema.examples?.[0] ?? schema.default
  if (example !== undefined && (schema.pattern || schema.format || random.chance(0.5))) return tree(example)
  if (type === 'string' && !schema.pattern && !schema.format)
    return 'x'.repeat(Math.max(schema.minLength ?? 1, 1 + random.int(Math.min(schema.maxLength ?? 20, 20))))
  if (type === 'integer' || type === 'number') return schema.minimum ?? random.int(schema.maximum ?? 100)
  if (type === 'boolean') return random.chance(0.5)
  if (type === 'null') return null
  if (type === 'object') return new Fields([])
  throw new Error(`${operation.id}: no example of "${name}" in the document, so it can’t be fuzzed`)
}

/** Of an optional field. Without properties most meters have nothing to count. */
const likelihood = (name: string): number =>
  name === 'properties' || name === 'data' ? 0.9 : name === 'cursor' || name === 'terms' ? 0.2 : 0.5

function objectOf(setting: Setting, schema: Schema, depth: number): Fields {
  const entries = Object.entries(schema.properties!)
    .filter(([name]) => schema.required?.includes(name) || setting.random.chance(likelihood(name)))
    .map(([name, field]): [string, Json] => [name, makeValue(setting, field, name, depth + 1)])
  return new Fields(entries)
}

// Which column of a CSV file is which field of an event: what the caller says, and where nothing is said, the columns that are
// named like fields.

import { z } from 'zod'
import { type Issue, TollgateError } from '../../kernel/errors.ts'
import { type Separator, separators } from './csv-records.ts'
import { COLUMN_NAME_CHARS, COLUMNS, COLUMNS_NAMED } from './limits.ts'

const FIELDS = ['id', 'customer_id', 'resource_type', 'quantity', 'timestamp', 'properties'] as const
/** An import counts once by its ids, and is of the past: nothing stands in for an id or a time. */
const REQUIRED = ['id', 'customer_id', 'resource_type', 'timestamp'] as const
const PROPERTY = 'properties.'

const severalTimes = z.union([z.string(), z.array(z.string())]).optional()

/** The query parameters that say how a CSV file is to be read. */
export const csvParameters = {
  columns: severalTimes.meta({
    description:
      'Which column a field of the event is in, as `field:column`, with commas between them or each as a parameter of its own. Fields: id, customer_id, resource_type, quantity, timestamp, properties (a JSON object) and properties.NAME. A field that isn’t named here is in the column of its name, if there is one.',
    example:
      'customer_id:customer,resource_type:event_name,timestamp:ts,quantity:value,properties.model:model',
  }),
  values: severalTimes.meta({
    description: 'A value for a field that no column has, the same in every line, as `field:value`.',
    example: 'resource_type:api_call',
  }),
  rest: z.enum(['ignore', 'properties']).default('ignore').meta({
    'x-name': 'OtherColumns',
    description: 'What becomes of columns that are no field: nothing, or each a property of its name.',
  }),
  times: z.enum(['rfc3339', 'seconds', 'milliseconds']).default('rfc3339').meta({
    'x-name': 'TimeFormat',
    description: 'How timestamps are written: as RFC 3339 has it, or since 1970, with a fraction perhaps.',
  }),
  separator: z
    .enum(Object.keys(separators) as [Separator, ...Separator[]])
    .default('comma')
    .meta({ 'x-name': 'Separator', description: 'What is between cells.' }),
}

const csvQuery = z.object(csvParameters)
export type CsvQuery = z.output<typeof csvQuery>

/** Where each cell of a line goes, by its place in it. */
export type ColumnPlan = {
  names: string[]
  fields: { field: string; at: number }[]
  properties: { name: string; at: number }[]
  /** the column that holds properties as a JSON object; -1: none does */
  propertiesAt: number
  constants: { fields: Record<string, string>; properties: Record<string, string> }
  ignored: string[]
}

type Pair = { field: string; given: string }

/** `a:b,c:d`. A comma begins another pair only where a field's name and a colon follow: others belong to a column's name. */
const pairs = (sent: CsvQuery['columns']): Pair[] =>
  [sent ?? []]
    .flat()
    .flatMap((text) => text.split(/,(?=\s*[a-z_]+(?:\.[^:,]*)?:)/))
    .filter((pair) => pair !== '')
    .map((pair) => {
      const colon = pair.indexOf(':')
      return colon === -1
        ? { field: pair.trim(), given: '' }
        : { field: pair.slice(0, colon).trim(), given: pair.slice(colon + 1) }
    })

const isField = (field: string): boolean =>
  FIELDS.some((one) => one === field) || (field.startsWith(PROPERTY) && field.length > PROPERTY.length)

/** Throws validation_failed, and names every mistake: what may be said is known before the file is, so `header` may be null. */
export function planColumns(query: CsvQuery, header: string[] | null): ColumnPlan {
  const names = (header ?? []).map((name) => name.trim())
  const columns = pairs(query.columns)
  const values = pairs(query.values)
  const issues = [
    ...wrongPairs('columns', columns, 'customer_id:customer'),
    ...wrongPairs('values', values, 'resource_type:api_call'),
    ...saidTwice([...columns, ...values]),
    ...(header === null ? [] : wrongHeader(names)),
    ...(header === null ? [] : unknownColumns(columns, names)),
  ]
  refuse(issues)
  const said = new Map(columns.map(({ field, given }) => [field, names.indexOf(given.trim())]))
  const taken = new Set([...said.values()])
  const constant = new Set(values.map(({ field }) => field))
  for (const [at, name] of names.entries())
    if (isField(name) && !said.has(name) && !constant.has(name) && !taken.has(at)) said.set(name, at)
  const used = new Set(said.values())
  const left = names.map((name, at) => ({ name, at })).filter(({ name, at }) => name !== '' && !used.has(at))
  if (header !== null) refuse(missingFields(said, constant, names))

  const isRest = query.rest === 'properties'
  const mapped = [...said].map(([field, at]) => ({ field, at }))
  const named = mapped
    .filter(({ field }) => field.startsWith(PROPERTY))
    .map(({ field, at }) => ({ name: field.slice(PROPERTY.length), at }))
  const properties = isRest ? [...left.filter(({ name }) => !constant.has(PROPERTY + name)), ...named] : named
  refuse(properties.some(({ name }) => name === '__proto__') ? [PROTO] : [])
  return {
    names,
    fields: mapped.filter(({ field }) => !field.startsWith('properties')),
    properties,
    propertiesAt: said.get('properties') ?? -1,
    constants: {
      fields: constants(values.filter(({ field }) => !field.startsWith('properties'))),
      properties: constants(
        values
          .filter(({ field }) => field.startsWith(PROPERTY))
          .map(({ field, given }) => ({ field: field.slice(PROPERTY.length), given })),
      ),
    },
    ignored: isRest ? [] : left.map(({ name }) => name),
  }
}

const PROTO = { pointer: 'columns', detail: 'must not make a property with the name "__proto__"' }

const constants = (values: Pair[]): Record<string, string> =>
  Object.fromEntries(values.map(({ field, given }) => [field, given]))

function refuse(issues: Issue[]): void {
  if (issues.length === 0) return
  const [{ pointer, detail }] = issues as [Issue]
  throw new TollgateError('validation_failed', `The file can’t be imported: ${pointer} ${detail}.`, {
    issues,
  })
}

function wrongPairs(pointer: 'columns' | 'values', sent: Pair[], example: string): Issue[] {
  return sent.flatMap(({ field, given }) => {
    if (field === `${PROPERTY}__proto__`) return [{ ...PROTO, pointer }]
    if (pointer === 'values' && field === 'id')
      return [{ pointer, detail: 'can’t be the same id for every event: name its column in columns' }]
    if (pointer === 'values' && field === 'properties')
      return [{ pointer, detail: 'takes one property at a time, as properties.NAME:value' }]
    if (!isField(field)) {
      const known = `${FIELDS.join(', ')}, ${PROPERTY}NAME`
      return [{ pointer, detail: `"${short(field)}" is not a field of an event; these are: ${known}` }]
    }
    return given === '' ? [{ pointer, detail: `says nothing of ${short(field)}: write "${example}"` }] : []
  })
}

function saidTwice(sent: Pair[]): Issue[] {
  const fields = sent.map(({ field }) => field)
  return [...new Set(fields.filter((field, i) => fields.indexOf(field) < i))].map((field) => ({
    pointer: 'columns',
    detail: `names ${short(field)} twice, perhaps once in values: a field has one column or one value`,
  }))
}

function wrongHeader(names: string[]): Issue[] {
  const pointer = 'line 1'
  if (names.length > COLUMNS)
    return [{ pointer, detail: `has ${names.length} columns; ${COLUMNS} at most are read` }]
  if (names.some((name) => name.length > COLUMN_NAME_CHARS))
    return [{ pointer, detail: `has a column’s name of more than ${COLUMN_NAME_CHARS} characters` }]
  return [...new Set(names.filter((name, i) => name !== '' && names.indexOf(name) < i))].map((name) => ({
    pointer,
    detail: `has the column "${short(name)}" twice: which is meant can’t be told`,
  }))
}

const unknownColumns = (columns: Pair[], names: string[]): Issue[] =>
  columns
    .filter(({ given }) => given !== '' && !names.includes(given.trim()))
    .map(({ given }) => ({
      pointer: 'columns',
      detail: `names "${short(given.trim())}", which the file has no column for; ${listed(names)}`,
    }))

const missingFields = (said: Map<string, number>, constant: Set<string>, names: string[]): Issue[] =>
  REQUIRED.filter((field) => !said.has(field) && !constant.has(field)).map((field) => ({
    pointer: 'columns',
    detail: `must say where ${field} is: no column has this name; ${listed(names)}. Write "${field}:COLUMN"${field === 'id' ? '' : `, or the same value for all lines as values=${field}:VALUE`}`,
  }))

const listed = (names: string[]): string => {
  const more = names.length - COLUMNS_NAMED
  const shown = names.slice(0, COLUMNS_NAMED).map((name) => `"${short(name)}"`)
  return `it has ${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}

const short = (text: string): string => (text.length > 64 ? `${text.slice(0, 64)}…` : text)

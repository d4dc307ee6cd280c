// Files of events for imports, as NDJSON and CSV: how they are made, and what a reader of them has to find.

import { type Fields, type Json, jsonText } from './json-text.ts'
import type { SentEvent } from './ledger.ts'
import type { FuzzRequest } from './request.ts'

export const NDJSON = 'application/x-ndjson'
export const CSV = 'text/csv'
/** Parameters that say how a CSV file is to be read. */
export const CSV_PARAMETERS = ['columns', 'values', 'rest', 'times', 'separator']

const MARKS: Record<string, string> = { comma: ',', semicolon: ';', tab: '\t' }
const FIELDS = ['id', 'customer_id', 'resource_type', 'quantity', 'timestamp', 'properties']

export const ndjsonText = (lines: Json[]): string => lines.map(jsonText).join('\n')

/** The events as CSV, written as the query says that it is. */
export function csvText(events: Fields[], query: Record<string, string>): string {
  const mark = MARKS[query.separator ?? 'comma']!
  const values = new Set(pairs(query.values).map(([field]) => field))
  const columnOf = new Map(pairs(query.columns))
  const fields = FIELDS.filter((field) => !values.has(field))
  const cell = (text: string) =>
    /["\r\n]/.test(text) || text.includes(mark) ? `"${text.replaceAll('"', '""')}"` : text
  const rows = events.map((event) => {
    const sent = new Map(event.entries)
    const texts = fields.map((field) => {
      const value = sent.get(field)
      if (value === undefined) return ''
      if (field === 'timestamp' && (query.times ?? 'rfc3339') !== 'rfc3339') {
        const ms = Date.parse(String(value))
        return query.times === 'seconds' ? String(Math.floor(ms / 1_000)) : String(ms)
      }
      return typeof value === 'string' ? value : jsonText(value)
    })
    return [...texts, 'as it was there'].map(cell).join(mark)
  })
  const header = [...fields.map((field) => columnOf.get(field) ?? field), 'note'].map(cell).join(mark)
  return `${[header, ...rows].join('\r\n')}\r\n`
}

const pairs = (text = ''): [string, string][] =>
  text
    .split(',')
    .filter((pair) => pair !== '')
    .map((pair) => [pair.slice(0, pair.indexOf(':')).trim(), pair.slice(pair.indexOf(':') + 1)])

/** By the number of its line: what each event is, where it can be read at all. */
export function eventsByLine(request: FuzzRequest, payload: Buffer): Map<number, SentEvent | null> {
  const query = Object.fromEntries(request.query.map(([name, value]) => [name, decodedText(value)]))
  const from = Number(query.from_line ?? 1)
  const isCsv = request.headers.some(
    ([name, value]) => name === 'content-type' && value.toLowerCase().startsWith(CSV),
  )
  const all = isCsv ? csvEvents(payload, query) : ndjsonEvents(payload)
  return new Map([...all].filter(([line]) => line >= from))
}

const decodedText = (text: string): string => {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return text
  }
}

const withoutMark = (payload: Buffer): Buffer =>
  payload.subarray(0, 3).equals(Buffer.from('\ufeff')) ? payload.subarray(3) : payload

function ndjsonEvents(payload: Buffer): Map<number, SentEvent | null> {
  const found = new Map<number, SentEvent | null>()
  const bytes = withoutMark(payload)
  let [line, at] = [1, 0]
  while (at < bytes.length) {
    const end = bytes.indexOf(0x0a, at)
    const text = bytes.subarray(at, end < 0 ? bytes.length : end).toString()
    if (text.trim() !== '') found.set(line, parsedObject(text))
    at = end < 0 ? bytes.length : end + 1
    line++
  }
  return found
}

function parsedObject(text: string): SentEvent | null {
  try {
    const parsed = JSON.parse(text)
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed) ? parsed : null
  } catch {
    return null
  }
}

function csvEvents(payload: Buffer, query: Record<string, string>): Map<number, SentEvent | null> {
  const records = csvRecords(withoutMark(payload).toString(), MARKS[query.separator ?? 'comma'] ?? ',')
  const header = records.shift()?.cells.map((name) => name.trim()) ?? []
  const named = new Map(pairs(query.columns).map(([field, column]) => [column.trim(), field]))
  const values = pairs(query.values)
  return new Map(records.map(({ line, cells }) => [line, eventOf(header, named, values, cells, query)]))
}

function eventOf(
  header: string[],
  named: Map<string, string>,
  values: [string, string][],
  cells: string[],
  { rest, times }: Record<string, string>,
): SentEvent | null {
  if (cells.length !== header.length) return null
  const event: Record<string, unknown> = Object.fromEntries(
    values.filter(([field]) => !field.startsWith('properties.')),
  )
  const said = new Set([...named.values(), ...values.map(([field]) => field)])
  const own: [string, unknown][] = values
    .filter(([field]) => field.startsWith('properties.'))
    .map(([field, value]) => [field.slice('properties.'.length), value])
  let properties: Record<string, unknown> = {}
  for (const [i, name] of header.entries()) {
    const field = named.get(name) ?? (isField(name) && !said.has(name) ? name : null)
    const text = cells[i]!
    if (text === '') continue
    if (field === 'properties') properties = (parsedObject(text) ?? {}) as Record<string, unknown>
    else if (field?.startsWith('properties.')) own.push([field.slice('properties.'.length), text])
    else if (field !== null) event[field] = text
    else if (rest === 'properties' && name !== '') own.push([name, text])
  }
  properties = { ...properties, ...Object.fromEntries(own) }
  if (Object.keys(properties).length > 0) event.properties = properties
  const number = Number(event.timestamp)
  if ((times ?? 'rfc3339') !== 'rfc3339' && /^\d{1,14}(\.\d{1,12})?$/.test(String(event.timestamp)))
    event.timestamp = new Date(Math.floor(times === 'seconds' ? number * 1_000 : number)).toISOString()
  return event as SentEvent
}

const isField = (name: string): boolean => FIELDS.includes(name) || name.startsWith('properties.')

/** RFC 4180. Empty lines are none. */
function csvRecords(text: string, mark: string): { line: number; cells: string[] }[] {
  const records: { line: number; cells: string[] }[] = []
  let [line, began, cell, quoted, isEmpty] = [1, 1, '', false, true]
  let cells: string[] = []
  const end = () => {
    if (!isEmpty) records.push({ line: began, cells: [...cells, cell] })
    ;[cells, cell, isEmpty, began] = [[], '', true, line]
  }
  for (let at = 0; at < text.length; at++) {
    const char = text[at]!
    if (char === '\n') line++
    if (quoted) {
      if (char !== '"') cell += char
      else if (text[at + 1] === '"') cell += text[at++]
      else quoted = false
    } else if (char === '\n') end()
    else if (char === '\r' && (text[at + 1] === '\n' || at === text.length - 1)) continue
    else {
      isEmpty = false
      if (char === '"' && cell === '') quoted = true
      else if (char === mark) [cells, cell] = [[...cells, cell], '']
      else cell += char
    }
  }
  end()
  return records
}

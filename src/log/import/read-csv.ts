// CSV: a header row that names the columns, and an event on each line.

import { decimal } from '../../kernel/decimal.ts'
import { TollgateError } from '../../kernel/errors.ts'
import { type ColumnPlan, type CsvQuery, planColumns } from './columns.ts'
import { cellsOf, RecordEnds } from './csv-records.ts'
import { parsedJson } from './json.ts'
import type { Line, SentLine } from './line.ts'
import { readLines } from './read-lines.ts'

export type CsvImport = {
  /** columns that become nothing */
  ignored: string[]
  /** in batches that may be recorded at once */
  lines: AsyncGenerator<SentLine[]>
}

/**
 * Reads the header, and throws validation_failed where it doesn't fit what was asked for, before any line is. Cells become the
 * texts of fields and properties, empty ones nothing; what is no event, the event's schema says.
 */
export async function readCsv(chunks: AsyncIterable<Uint8Array>, query: CsvQuery): Promise<CsvImport> {
  planColumns(query, null)
  const batches = readLines(chunks, new RecordEnds(query.separator))
  try {
    const first = await batches.next()
    const [header, ...others] = first.done ? [] : first.value
    if (header === undefined) throw refused('it is empty: its first line must name its columns')
    if ('wrong' in header) throw refused(`line ${header.line}, which names its columns, ${header.wrong}`)
    const plan = planColumns(query, cellsOf(header.text, query.separator))
    return { ignored: plan.ignored, lines: sentLines(others, batches, plan, query) }
  } catch (error) {
    await batches.return(undefined)
    throw error
  }
}

async function* sentLines(
  first: Line[],
  others: AsyncGenerator<Line[]>,
  plan: ColumnPlan,
  query: CsvQuery,
): AsyncGenerator<SentLine[]> {
  const sent = (lines: Line[]) => lines.map((one) => ('text' in one ? sentLine(one, plan, query) : one))
  try {
    if (first.length > 0) yield sent(first)
    for await (const lines of others) yield sent(lines)
  } finally {
    // Who stops at the first batch hasn't begun with the others.
    await others.return(undefined)
  }
}

function sentLine(
  { line, text }: { line: number; text: string },
  plan: ColumnPlan,
  { separator, times }: CsvQuery,
): SentLine {
  const cells = cellsOf(text, separator)
  if (cells.length !== plan.names.length)
    return { line, wrong: `has ${cells.length} cells, where line 1 names ${plan.names.length} columns` }
  const json = objectOf(cells[plan.propertiesAt] ?? '')
  if ('wrong' in json) return { line, wrong: `has in "${plan.names[plan.propertiesAt]}" what ${json.wrong}` }
  // A property that has a column of its own goes before one of that name in the JSON.
  const properties = { ...json.object, ...plan.constants.properties }
  for (const { name, at } of plan.properties) if (cells[at] !== '') properties[name] = cells[at]
  const sent: Record<string, unknown> = { ...plan.constants.fields }
  for (const { field, at } of plan.fields) if (cells[at] !== '') sent[field] = cells[at]
  if (Object.keys(properties).length > 0) sent.properties = properties
  if (times !== 'rfc3339' && 'timestamp' in sent) sent.timestamp = since1970(sent.timestamp as string, times)
  return { line, sent }
}

const NUMBER = /^\d{1,14}(\.\d{1,12})?$/

/** What is no number stays, and is no time either: the event's schema says so. */
function since1970(text: string, unit: 'seconds' | 'milliseconds'): string {
  if (!NUMBER.test(text)) return text
  const ms = decimal(text).times(unit === 'seconds' ? '1000' : '1')
  const date = new Date(Math.floor(Number(ms.toString())))
  return Number.isNaN(date.getTime()) || date.getUTCFullYear() > 9999 ? text : date.toISOString()
}

function objectOf(cell: string): { object: Record<string, unknown> } | { wrong: string } {
  if (cell === '') return { object: {} }
  const result = parsedJson(cell)
  if ('wrong' in result) return result
  const { json } = result
  const isObject = typeof json === 'object' && json !== null && !Array.isArray(json)
  return isObject ? { object: json as Record<string, unknown> } : { wrong: 'is no JSON object' }
}

const refused = (why: string) => new TollgateError('validation_failed', `The file can’t be imported: ${why}.`)

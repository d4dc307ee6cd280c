// A block: events of one tenant and segment, in the order of their arrival, as compressed text. First the lists that its
// events have, as a JSON array, and who was erased from it; then a line an event: when it arrived (µs), which of the lists is
// its, and its line as it was recorded.

import { deflate, inflate } from '../kernel/deflate.ts'
import { eventOfLine, type Lists } from '../metering/logged.ts'
import type { LogEntry } from './entry.ts'

const FORMAT = 1

type Head = { format: typeof FORMAT; lists: Lists[]; erased: Erased[] }

/** Events of this customer that had arrived by then are not in the block any more. */
export type Erased = { customerId: string; byMicros: number }

export type BlockLine = { receivedMicros: number; lists: Lists; line: string }

export type Block = { entries: LogEntry[]; erased: Erased[] }

export function blockText(lines: BlockLine[], erased: Erased[] = []): string {
  const lists = new Map<string, number>()
  const texts: string[] = []
  const known: Lists[] = []
  let last: Lists | null = null
  let position = 0
  for (const one of lines) {
    // Calls have lists of their own, with the same content for the most part.
    if (one.lists !== last) {
      last = one.lists
      const text = JSON.stringify(last)
      const seen = lists.get(text)
      position = seen ?? known.push(last) - 1
      if (seen === undefined) lists.set(text, position)
    }
    texts.push(`${one.receivedMicros} ${position} ${one.line}`)
  }
  const head: Head = { format: FORMAT, lists: known, erased }
  return [JSON.stringify(head), ...texts].join('\n')
}

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })

export const packed = (text: string): Uint8Array => deflate(encoder.encode(text))

/** Throws for what is no block. */
export function readBlock(content: Uint8Array): Block {
  const { lines, erased } = linesOfBlock(content)
  return { entries: lines.map((one) => logEntry(one.receivedMicros, one.lists, one.line)), erased }
}

/** As blockText takes them. Throws for what is no block. */
export function linesOfBlock(content: Uint8Array): { lines: BlockLine[]; erased: Erased[] } {
  const text = decoder.decode(inflate(content))
  const [first = '', ...rest] = text.split('\n')
  const head = JSON.parse(first) as Head
  if (head.format !== FORMAT)
    throw new Error(`A block of format ${head.format} was found; this version reads ${FORMAT}`)
  return { lines: rest.map((line) => lineOf(line, head.lists)), erased: head.erased }
}

function lineOf(text: string, lists: Lists[]): BlockLine {
  const micros = text.indexOf(' ')
  const list = text.indexOf(' ', micros + 1)
  return {
    receivedMicros: Number(text.slice(0, micros)),
    lists: lists[Number(text.slice(micros + 1, list))]!,
    line: text.slice(list + 1),
  }
}

export function logEntry(receivedMicros: number, lists: Lists, line: string): LogEntry {
  const [id, customerId, resourceType, quantity, timestampMs, properties] = eventOfLine(line)
  const meters = lists[resourceType] ?? []
  return { id, customerId, resourceType, quantity, timestampMs, properties, receivedMicros, meters }
}

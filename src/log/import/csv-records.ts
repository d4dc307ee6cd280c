// CSV by RFC 4180: where a record ends (a line break within quotes is part of it), and what its cells are. Ours, because a library
// that streams over web streams, names the line, goes on after a broken one and bounds it before it is in memory wasn't found.

import type { LineEnds } from './line.ts'

export const separators = { comma: ',', semicolon: ';', tab: '\t' } as const
export type Separator = keyof typeof separators

const [QUOTE, LF, CR] = [0x22, 0x0a, 0x0d]

/** Where in a record a byte stands. What follows a mistake is read to the next line feed, quoted or not. */
type State = 'cell begins' | 'plain' | 'quoted' | 'quote in quotes' | 'after quotes' | 'broken'

export class RecordEnds implements LineEnds {
  readonly #separator: number
  #state: State = 'cell begins'
  #breaks = 0
  /** of the record that ended */
  #ended: { state: State; wrong: string | null; breaks: number } = { state: 'plain', wrong: null, breaks: 0 }
  #wrong: string | null = null

  constructor(separator: Separator) {
    this.#separator = separators[separator].charCodeAt(0)
  }

  after(bytes: Uint8Array, from: number): number {
    for (let at = from; at < bytes.length; at++) {
      const byte = bytes[at]!
      if (this.#state === 'quoted') {
        if (byte === QUOTE) this.#state = 'quote in quotes'
        else if (byte === LF) this.#breaks++
      } else if (byte === LF) {
        this.#end()
        return at + 1
      } else if (this.#state !== 'broken') this.#step(byte)
    }
    return -1
  }

  #step(byte: number): void {
    if (byte === this.#separator && this.#state !== 'after quotes') this.#state = 'cell begins'
    else if (this.#state === 'quote in quotes' && byte === QUOTE) this.#state = 'quoted'
    else if (this.#state === 'quote in quotes' && byte === CR) this.#state = 'after quotes'
    else if (this.#state === 'quote in quotes' || this.#state === 'after quotes')
      this.#break('has text behind a closing quote; a quote within quotes is written twice')
    else if (byte !== QUOTE) this.#state = 'plain'
    else if (this.#state === 'cell begins') this.#state = 'quoted'
    else
      this.#break(
        'has a quote within a cell that doesn’t begin with one; such a cell is put in quotes, and its quotes written twice',
      )
  }

  #break(wrong: string): void {
    this.#wrong = wrong
    this.#state = 'broken'
  }

  #end(): void {
    this.#ended = { state: this.#state, wrong: this.#wrong, breaks: this.#breaks }
    this.#state = 'cell begins'
    this.#wrong = null
    this.#breaks = 0
  }

  wrong(isWhole: boolean): string | null {
    if (!isWhole) this.#end()
    if (this.#ended.wrong !== null) return this.#ended.wrong
    return !isWhole && this.#ended.state === 'quoted' ? 'has a quote that is never closed' : null
  }

  breaks(): number {
    return this.#ended.breaks
  }
}

/** The cells of a record that RecordEnds found nothing wrong with. */
export function cellsOf(record: string, separator: Separator): string[] {
  const mark = separators[separator]
  if (!record.includes('"')) return record.split(mark)
  const cells: string[] = []
  for (let at = 0; at <= record.length; ) {
    if (record[at] !== '"') {
      const end = record.indexOf(mark, at)
      cells.push(end === -1 ? record.slice(at) : record.slice(at, end))
      at = end === -1 ? record.length + 1 : end + 1
      continue
    }
    let end = record.indexOf('"', at + 1)
    while (record[end + 1] === '"') end = record.indexOf('"', end + 2)
    cells.push(record.slice(at + 1, end).replaceAll('""', '"'))
    // A separator, or the record's end.
    at = end + 2
  }
  return cells
}

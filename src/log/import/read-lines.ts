// Cuts bytes into lines: what is kept of the pieces before is never more than one line may have.

import { BATCH_BYTES, LINE_BYTES, LINES_PER_BATCH } from './limits.ts'
import type { Line, LineEnds } from './line.ts'

/** Empty lines are left out. */
export async function* readLines(chunks: AsyncIterable<Uint8Array>, ends: LineEnds): AsyncGenerator<Line[]> {
  const cutter = new Cutter(ends)
  for await (const chunk of withoutMark(chunks)) {
    yield* cutter.cut(chunk)
  }
  yield* cutter.rest()
}

class Cutter {
  readonly #ends: LineEnds
  /** the beginning of a line that goes on: of so many bytes, more perhaps than are kept */
  #begun: Uint8Array = new Uint8Array(1024)
  #begunBytes = 0
  #line = 1
  #batch: Line[] = []
  #batchBytes = 0

  constructor(ends: LineEnds) {
    this.#ends = ends
  }

  *cut(chunk: Uint8Array): Generator<Line[]> {
    let from = 0
    while (from < chunk.length) {
      const after = this.#ends.after(chunk, from)
      if (after === -1) break
      this.#end(chunk.subarray(from, after), true)
      from = after
      if (this.#batch.length >= LINES_PER_BATCH || this.#batchBytes >= BATCH_BYTES) yield this.#taken()
    }
    this.#keep(chunk.subarray(from))
  }

  *rest(): Generator<Line[]> {
    if (this.#begunBytes > 0) this.#end(new Uint8Array(), false)
    if (this.#batch.length > 0) yield this.#taken()
  }

  #taken(): Line[] {
    const batch = this.#batch
    this.#batch = []
    this.#batchBytes = 0
    return batch
  }

  /** A copy: whose the chunk is, may use it again. What is too long is counted, and not kept. */
  #keep(part: Uint8Array): void {
    const bytes = this.#begunBytes + part.length
    if (bytes <= LINE_BYTES) {
      if (bytes > this.#begun.length) {
        const larger = new Uint8Array(Math.max(bytes, 2 * this.#begun.length))
        larger.set(this.#begun.subarray(0, this.#begunBytes))
        this.#begun = larger
      }
      this.#begun.set(part, this.#begunBytes)
    }
    this.#begunBytes = bytes
  }

  #end(last: Uint8Array, isWhole: boolean): void {
    const bytes = this.#begunBytes + last.length
    const wrong = this.#ends.wrong(isWhole)
    const [line, breaks] = [this.#line, this.#ends.breaks()]
    this.#line += breaks + 1
    if (bytes > LINE_BYTES) {
      const until = breaks === 0 ? '' : `, and goes on to line ${line + breaks}`
      const why = wrong === null ? '' : `; ${wrong}`
      this.#batch.push({ line, wrong: `has more than ${LINE_BYTES} bytes${until}${why}` })
    } else if (wrong !== null) this.#batch.push({ line, wrong })
    else if (this.#begunBytes === 0) this.#decode(line, last)
    else {
      this.#keep(last)
      this.#decode(line, this.#begun.subarray(0, bytes))
    }
    this.#begunBytes = 0
  }

  #decode(line: number, bytes: Uint8Array): void {
    this.#batchBytes += bytes.length
    try {
      const text = utf8.decode(bytes.subarray(0, lengthOfText(bytes)))
      if (text !== '') this.#batch.push({ line, text })
    } catch {
      this.#batch.push({ line, wrong: 'is not valid UTF-8' })
    }
  }
}

/** Without the LF, or CR LF, that it ends with. */
function lengthOfText(bytes: Uint8Array): number {
  const length = bytes.at(-1) === LF ? bytes.length - 1 : bytes.length
  return bytes[length - 1] === CR ? length - 1 : length
}

const [LF, CR] = [0x0a, 0x0d]

/** Broken UTF-8 is refused: replaced by U+FFFD, two ids that differ would become the same. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

const MARK = [0xef, 0xbb, 0xbf]

/** Without the byte order mark that spreadsheets begin a file with. It may come in pieces, too. */
async function* withoutMark(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let seen = 0
  for await (const chunk of chunks) {
    let from = 0
    while (seen < MARK.length && from < chunk.length && chunk[from] === MARK[seen]) {
      seen++
      from++
    }
    if (from === chunk.length) continue
    // No mark after all: what looked like one is given back.
    if (seen > 0 && seen < MARK.length) yield new Uint8Array(MARK.slice(0, seen))
    seen = MARK.length
    yield chunk.subarray(from)
  }
  if (seen > 0 && seen < MARK.length) yield new Uint8Array(MARK.slice(0, seen))
}

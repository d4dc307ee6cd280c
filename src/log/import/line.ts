// What an import consists of, before anyone looks at what is in it: lines of text, from bytes in pieces of any size. A line that
// is wrong is said to be, by its number, and the next goes on.

/** `line` counts from 1, and is where it begins. */
export type Line = { line: number; text: string } | WrongLine
export type WrongLine = { line: number; wrong: string }

/** An event as it was sent, to be checked like any other. */
export type SentLine = { line: number; sent: unknown } | WrongLine

/** Finds where lines end. It keeps what it knows of a line that goes on in the next piece. */
export interface LineEnds {
  /** The index behind the line that `from` is in; -1: it doesn't end in these bytes. */
  after(bytes: Uint8Array, from: number): number
  /** What is wrong with the line that ended, or that the input broke off in; null: nothing. */
  wrong(isWhole: boolean): string | null
  /** Line breaks within the line that ended. */
  breaks(): number
}

/** Lines end at each line feed, as in NDJSON. */
export const everyLineFeed: LineEnds = {
  after: (bytes, from) => bytes.indexOf(0x0a, from) + 1 || -1,
  wrong: () => null,
  breaks: () => 0,
}

// CSV as RFC 4180 has it: commas, quotes where they are needed, lines that end with CR LF.
//
// Spreadsheets run a text that begins like a formula, and some take it for one behind blanks, in characters that stand for the same (NFKC), or
// where a semicolon or a tab parts cells for them. An apostrophe before it makes it a text again. Numbers of our own are none
// of that, negative ones neither: so what a cell is, is said by who makes it.

export type Cell = { text: string } | { number: string } | null

/** Where a cell begins that would be taken for a formula. */
const FORMULA = /(?<=^|[;\t\r\n])(?=[\s\p{C}\p{Z}]*[=+\-@⁺⁼₊₌⩵⩶﬩﹢﹣﹦﹫＋－＝＠])/gu

export const csv = (rows: readonly (readonly Cell[])[]): string =>
  rows.map((row) => `${row.map(cellText).join(',')}\r\n`).join('')

function cellText(cell: Cell): string {
  if (cell === null) return ''
  return 'number' in cell ? cell.number : quoted(defused(cell.text))
}

/** A text that no spreadsheet takes for a formula. */
export const defused = (text: string): string => text.replace(FORMULA, "'").replace(/^(?=[\t\r\n])/, "'")

const quoted = (text: string): string => (/[",;\s]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)

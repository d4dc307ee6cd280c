// The table: how many times as fast as the naive way comes first, then the figures themselves, and what was to be reached.

export type Target = { wanted: string; got: string; reached: boolean }

export type Row = {
  what: string
  /** against the naive way in the same run */
  ratio?: string
  figure: string
  naive?: string
  /** p50 / p99 */
  latency?: string
  targets?: Target[]
}

export type Section = { title: string; rows: Row[]; notes?: string[] }

const HEAD = ['against naive', 'what', 'Tollgate', 'naive', 'p50 / p99', 'target']

/** Markdown, aligned, so that it reads as well in a terminal. */
export function table(sections: Section[]): string {
  const cells = sections.flatMap(({ title, rows }) => [
    ['', `**${title}**`, '', '', '', ''],
    ...rows.map((row) => [
      row.ratio ?? '',
      row.what,
      row.figure,
      row.naive ?? '',
      row.latency ?? '',
      (row.targets ?? []).map(shown).join('; '),
    ]),
  ])
  const widths = HEAD.map((title, i) => Math.max(title.length, ...cells.map((row) => row[i]!.length)))
  const line = (row: string[]) => `| ${row.map((cell, i) => cell.padEnd(widths[i]!)).join(' | ')} |`
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`
  const notes = sections.flatMap(({ title, notes = [] }) => notes.map((note) => `${title}: ${note}`))
  return [line(HEAD), rule, ...cells.map(line), ...(notes.length > 0 ? ['', ...notes] : [])].join('\n')
}

const shown = ({ wanted, got, reached }: Target): string => `${wanted}: ${got} ${reached ? '✓' : '✗ missed'}`

export const atLeast = (wanted: number, got: number, unit: string): Target => ({
  wanted: `≥ ${whole(wanted)}${unit}`,
  got: `${whole(got)}${unit}`,
  reached: got >= wanted,
})

export const atMost = (wanted: number, got: number, unit: string): Target => ({
  wanted: `≤ ${wanted}${unit}`,
  got: `${short(got)}${unit}`,
  reached: got <= wanted,
})

/** `times`: the naive way's time divided by this one's. */
export const faster = (times: number): string =>
  times >= 1 ? `${short(times)}× faster` : `${short(1 / times)}× slower`

export const whole = (value: number): string => Math.round(value).toLocaleString('en-US')
/** Three digits or so. */
export const short = (value: number): string =>
  value >= 100 ? whole(value) : value >= 10 ? value.toFixed(1) : value.toFixed(2)
export const perSecond = (value: number): string => `${whole(value)} events/s`
export const inSeconds = (value: number): string => `${short(value)} s`
export const latency = (p50Ms: number, p99Ms: number): string => `${short(p50Ms)} / ${short(p99Ms)} ms`

// Days as Postgres keeps them: a month a row, with a bit for each of its days.

/** Whole months from the first of `from` (null: of all) up to before the first of `to`; or some days of one, bit 0 for its first. */
export type MonthRange = { from: string | null; to: string; days: number | null }

const DAYS_OF_MONTH = 31

const monthOf = (date: string): string => `${date.slice(0, 7)}-01`
const dayOf = (date: string): number => Number(date.slice(8))

function monthAfter(month: string): string {
  const [year, number] = [Number(month.slice(0, 4)), Number(month.slice(5, 7))]
  return `${String(year + Math.floor(number / 12)).padStart(4, '0')}-${String((number % 12) + 1).padStart(2, '0')}-01`
}

/** Bits of the days from one to before another, by their numbers in the month. */
const bits = (from: number, to: number): number => 2 ** (to - 1) - 2 ** (from - 1)

/** All days from one up to before another; `from` null: all before it. */
export function monthRanges(from: string | null, to: string): MonthRange[] {
  if (from !== null && from >= to) return []
  const last = monthOf(to)
  const some = (month: string, first: number, end: number): MonthRange[] =>
    first < end ? [{ from: month, to: monthAfter(month), days: bits(first, end) }] : []
  const tail = some(last, 1, dayOf(to))
  if (from === null) return [{ from: null, to: last, days: null }, ...tail]
  const first = monthOf(from)
  if (first === last) return some(first, dayOf(from), dayOf(to))
  const whole = dayOf(from) === 1 ? first : monthAfter(first)
  return [
    ...(whole === first ? [] : some(first, dayOf(from), DAYS_OF_MONTH + 1)),
    ...(whole < last ? [{ from: whole, to: last, days: null }] : []),
    ...tail,
  ]
}

/** The same, each month by itself: `from` is not null. */
export const eachMonth = (ranges: MonthRange[]): { month: string; days: number | null }[] =>
  ranges.flatMap(({ from, to, days }) => {
    const months = []
    for (let month = from!; month < to; month = monthAfter(month)) months.push({ month, days })
    return months
  })

// Which days lie in a span as a whole. Stores keep the totals of days beside those of hours: so a span is read as its days, and
// as hours only before the first and after the last of them.

import { dateOfDay, dayBegunAt, dayStartMs } from '../kernel/local-day.ts'
import { HOUR_MS } from '../kernel/time.ts'

/** A day of a zone, by its date, and when it begins. */
export type DayStart = { date: string; startMs: number }

export type SpanDays = {
  timezone: string
  /** the day that the span begins in */
  first: DayStart
  /** Days from `from` up to before `to` lie in the span; if `to` doesn't begin later, none. */
  from: DayStart
  to: DayStart
  /** other days at whose beginnings it is cut */
  between: DayStart[]
}

/** `cutsMs`: instants within the span. null: one of them is not the beginning of a day, so that only hours will do. */
export function daysIn(
  timezone: string,
  startMs: number,
  endMs: number,
  cutsMs: number[] = [],
): SpanDays | null {
  const at = (day: number): DayStart => ({ date: dateOfDay(day), startMs: dayStartMs(timezone, day) })
  const firstDay = dayBegunAt(timezone, startMs)
  const first = at(firstDay)
  const between: DayStart[] = []
  for (const ms of cutsMs) {
    const day = at(dayBegunAt(timezone, ms))
    if (day.startMs !== ms) return null
    between.push(day)
  }
  return {
    timezone,
    first,
    from: first.startMs === startMs ? first : at(firstDay + 1),
    to: at(dayBegunAt(timezone, endMs)),
    between,
  }
}

/**
 * Of a piece of time, the days of what of some windows is in it, cut where they are, and of what comes before them: of a piece
 * from the beginning only the `first` of the latter says something, the day that it ends in.
 */
export function pieceDays(
  timezone: string,
  boundariesMs: number[],
  { fromMs, toMs }: { fromMs: number; toMs: number },
): { days: SpanDays | null; daysBefore: SpanDays | null } {
  const [startMs, endMs] = [Math.max(boundariesMs[0]!, fromMs), Math.min(boundariesMs.at(-1)!, toMs)]
  const cutsMs = boundariesMs.filter((ms) => startMs < ms && ms < endMs)
  const beforeMs = Math.min(boundariesMs[0]!, toMs)
  return {
    days: startMs < endMs ? daysIn(timezone, startMs, endMs, cutsMs) : null,
    daysBefore:
      fromMs < beforeMs
        ? daysIn(
            timezone,
            ...(Number.isFinite(fromMs)
              ? ([fromMs, beforeMs] as const)
              : ([beforeMs, beforeMs + HOUR_MS] as const)),
          )
        : null,
  }
}

// Which period is asked for: `current`, a month, or any two instants at hour boundaries of the tenant's time zone. A date is
// the midnight that it begins with, there; from alone lasts until now.

import { type Issue, TollgateError } from '../kernel/errors.ts'
import { instantInZoneMs, isDate, wrongInstantOrDate } from '../kernel/instant.ts'
import { bucketStartMs, monthMs, nextWindowStartMs, rfc3339, windowStartMs } from '../kernel/time.ts'

export const PERIOD_MAX_DAYS = 400
const DAY_MS = 86_400_000

export type Period = { startMs: number; endMs: number; key: string | undefined }
export type PeriodQuery = { period?: string | undefined; from?: string | undefined; to?: string | undefined }

/** Half-open, [start, end). Without anything: the current calendar month in the time zone. Throws validation_failed. */
export function periodOf(query: PeriodQuery, timezone: string, nowMs: number): Period {
  const { period, from, to } = query
  if (period !== undefined && (from !== undefined || to !== undefined)) {
    throw invalid([
      { pointer: 'period', detail: 'must not come together with from and to: send one or the other' },
    ])
  }
  if (from !== undefined || to !== undefined) return between(from, to, { timezone, nowMs })
  if (period === undefined || period === 'current') return currentMonth(timezone, nowMs)
  const month = monthMs(timezone, period)
  if (month) return { ...month, key: period }
  throw invalid([
    {
      pointer: 'period',
      detail: 'must be "current" or a month such as "2026-11"; for any other period send from and to',
    },
  ])
}

function currentMonth(timezone: string, nowMs: number): Period {
  const startMs = windowStartMs(timezone, 'month', nowMs)
  return { startMs, endMs: nextWindowStartMs(timezone, 'month', startMs), key: undefined }
}

type Here = { timezone: string; nowMs: number }

function between(from: string | undefined, to: string | undefined, here: Here): Period {
  const issues: Issue[] = []
  if (from === undefined) issues.push({ pointer: 'from', detail: 'is required with to' })
  const startMs = from === undefined ? Number.NaN : boundary('from', from, here, issues)
  const endMs = to === undefined ? endOfHourMs(here) : boundary('to', to, here, issues)
  if (issues.length > 0) throw invalid(issues)
  if (to === undefined && startMs > here.nowMs)
    throw invalid([{ pointer: 'from', detail: 'must not lie ahead: without to, the period lasts until now' }])
  const later = to === undefined ? 'from' : 'to'
  if (endMs <= startMs)
    throw invalid([{ pointer: later, detail: 'must be later than from: the period is from ≤ t < to' }])
  if (endMs - startMs > PERIOD_MAX_DAYS * DAY_MS) {
    const detail =
      to === undefined
        ? `must be at most ${PERIOD_MAX_DAYS} days back: without to, the period lasts until now`
        : `must be at most ${PERIOD_MAX_DAYS} days after from`
    throw invalid([{ pointer: later, detail }])
  }
  return { startMs, endMs, key: undefined }
}

/** With all of the hour that it is now: usage is kept by the hour. */
const endOfHourMs = ({ timezone, nowMs }: Here): number =>
  nextWindowStartMs(timezone, 'hour', bucketStartMs(timezone, nowMs))

/** Totals are kept by the hour, so a period begins and ends at one. */
function boundary(name: string, sent: string, { timezone }: Here, issues: Issue[]): number {
  const ms = /^(19|2[01])/.test(sent) ? instantInZoneMs(timezone, sent) : Number.NaN
  if (Number.isNaN(ms))
    issues.push({
      pointer: name,
      detail: `${wrongInstantOrDate(sent, '2026-11-01T00:00:00Z')} (in a URL, + is written %2B)`,
    })
  else if (!isDate(sent) && bucketStartMs(timezone, ms) !== ms) {
    issues.push({
      pointer: name,
      detail: `must be a full hour in ${timezone}, such as ${rfc3339(bucketStartMs(timezone, ms))}: usage is kept by the hour`,
    })
  }
  return ms
}

const invalid = (issues: Issue[]) =>
  new TollgateError('validation_failed', 'The period is not valid.', { issues })

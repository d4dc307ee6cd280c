// Which period is asked for: `current`, a month, or any two instants at hour boundaries of the tenant's time zone.

import { z } from 'zod'
import { type Issue, TollgateError } from '../kernel/errors.ts'
import { bucketStartMs, monthMs, nextWindowStartMs, rfc3339, windowStartMs } from '../kernel/time.ts'

export const PERIOD_MAX_DAYS = 400
const DAY_MS = 86_400_000

const instant = z.iso.datetime({ offset: true })

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
  if (from !== undefined || to !== undefined) return between(from, to, timezone)
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

function between(from: string | undefined, to: string | undefined, timezone: string): Period {
  const issues: Issue[] = []
  const startMs = boundary('from', from, timezone, issues)
  const endMs = boundary('to', to, timezone, issues)
  if (issues.length > 0) throw invalid(issues)
  if (endMs <= startMs)
    throw invalid([{ pointer: 'to', detail: 'must be later than from: the period is from ≤ t < to' }])
  if (endMs - startMs > PERIOD_MAX_DAYS * DAY_MS) {
    throw invalid([{ pointer: 'to', detail: `must be at most ${PERIOD_MAX_DAYS} days after from` }])
  }
  return { startMs, endMs, key: undefined }
}

/** Totals are kept by the hour, so a period begins and ends at one. */
function boundary(name: string, sent: string | undefined, timezone: string, issues: Issue[]): number {
  const ms = instant.safeParse(sent).success && /^(19|2[01])/.test(sent!) ? Date.parse(sent!) : Number.NaN
  if (sent === undefined) issues.push({ pointer: name, detail: 'is required: from and to come together' })
  else if (Number.isNaN(ms))
    issues.push({
      pointer: name,
      detail: 'must be an RFC 3339 time, such as 2026-11-01T00:00:00Z (in a URL, + is written %2B)',
    })
  else if (bucketStartMs(timezone, ms) !== ms) {
    issues.push({
      pointer: name,
      detail: `must be a full hour in ${timezone}, such as ${rfc3339(bucketStartMs(timezone, ms))}: usage is kept by the hour`,
    })
  }
  return ms
}

const invalid = (issues: Issue[]) =>
  new TollgateError('validation_failed', 'The period is not valid.', { issues })

// Issuing invoices, as the cron and Node's timer do it, and when they do.

import { type CloseReport, type CloseServices, closeDue } from '../billing/invoices/close-due.ts'
import { HOUR_MS } from '../kernel/time.ts'
import type { FlushReport } from '../metering/flush.ts'
import { failureText, plural } from './job-text.ts'

/** Periods end at a full hour, or at a quarter past it in some zones; so long after it, all clocks agree that they have. */
const AFTER_HOUR_MS = 300_000

/**
 * One run, with one line of what it did if it did anything. Never throws: the next run takes up what this one left.
 * `run`: how it is done, if not by one invocation.
 */
export async function closeJob<Services extends CloseServices>(
  services: Services,
  log: (line: string) => void,
  run: (services: Services) => Promise<CloseReport> = closeDue,
): Promise<CloseReport | null> {
  try {
    const report = await run(services)
    const text = summary(report)
    if (text !== '') log(`invoices: ${text}`)
    return report
  } catch (error) {
    log(`invoices: failed, the next run goes on where it stopped: ${failureText(error)}`)
    return null
  }
}

/**
 * Whether a run should look for invoices that are due: once an hour, and whenever Postgres has just been used anyway. An idle
 * minute wakes no Postgres.
 */
export function isCloseTime(flushed: FlushReport | null, nowMs: number, everyMs: number): boolean {
  if (flushed !== null && flushed.settledSegments > 0) return true
  return isOnceAnHour(nowMs, everyMs)
}

export function isOnceAnHour(nowMs: number, everyMs: number): boolean {
  const hour = (ms: number) => Math.floor((ms - AFTER_HOUR_MS) / HOUR_MS)
  return hour(nowMs) !== hour(nowMs - everyMs)
}

function summary({ issued, overtaken, failed, more }: CloseReport): string {
  const parts = [
    issued > 0 && `issued ${plural(issued, 'invoice')}`,
    overtaken > 0 && `${plural(overtaken, 'account')} changed meanwhile`,
    failed.length > 0 &&
      `FAILED, tried again later: ${failed.map(({ customerId, reason }) => `${JSON.stringify(customerId)} (${reason.split('\n')[0]})`).join(', ')}`,
    more && 'more are due',
  ].filter((part) => part !== false)
  return parts.join('; ')
}

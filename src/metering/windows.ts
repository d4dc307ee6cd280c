// Cuts a period into hours, days or months of a time zone.

import { TollgateError } from '../kernel/errors.ts'
import { nextWindowStartMs, type Window, windowStartMs } from '../kernel/time.ts'
import { WINDOWS_PER_READ } from './limits.ts'

/** The boundaries of [startMs, endMs) with every window's start between them; without a window, the two themselves. */
export function boundariesOf(
  timezone: string,
  startMs: number,
  endMs: number,
  window: Window | undefined,
): number[] {
  if (window === undefined) return [startMs, endMs]
  const boundaries = [startMs]
  let next = nextWindowStartMs(timezone, window, windowStartMs(timezone, window, startMs))
  while (next < endMs) {
    boundaries.push(next)
    if (boundaries.length > WINDOWS_PER_READ) {
      throw new TollgateError(
        'validation_failed',
        `That would be more than ${WINDOWS_PER_READ} windows: ask for a shorter period or a wider window.`,
        {
          issues: [
            { pointer: 'window', detail: `must cut the period into at most ${WINDOWS_PER_READ} windows` },
          ],
        },
      )
    }
    next = nextWindowStartMs(timezone, window, next)
  }
  return [...boundaries, endMs]
}

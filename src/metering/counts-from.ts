// From when on a meter counts, as the API has it.

import { z } from 'zod'
import { instantInZoneMs, instantOrDateSchema } from '../kernel/instant.ts'
import { bucketStartMs, nextWindowStartMs, rfc3339 } from '../kernel/time.ts'

const BEGINNING = 'beginning'
const EXAMPLE = '2026-11-01T00:00:00Z'

export const countsFromSchema = z
  .union([z.literal(BEGINNING), instantOrDateSchema(EXAMPLE)], {
    error: `must be an RFC 3339 time, such as "${EXAMPLE}", a date, or "${BEGINNING}"`,
  })
  .nullable()
  .meta({
    description:
      'From when on it counts events, by their own `timestamp`, those that were accepted before it was made, too: the beginning of an hour in the tenant’s time zone, or a date; `beginning`: all that the event log has. null: events that are accepted from now on, whatever their timestamp.',
    example: EXAMPLE,
  })

/** `wrong`: what would be right. */
export function countsFromMs(
  sent: string | null,
  timezone: string,
): { ms: number | null } | { wrong: string } {
  if (sent === null) return { ms: null }
  if (sent === BEGINNING) return { ms: Number.NEGATIVE_INFINITY }
  const ms = instantInZoneMs(timezone, sent)
  const hourMs = bucketStartMs(timezone, ms)
  if (hourMs === ms) return { ms }
  const nextMs = nextWindowStartMs(timezone, 'hour', hourMs)
  return {
    wrong: `must be the beginning of an hour in ${timezone}, as usage is kept by the hour: "${rfc3339(hourMs)}" or "${rfc3339(nextMs)}"`,
  }
}

export function countsFromText(ms: number | null): string | null {
  if (ms === null) return null
  return ms === Number.NEGATIVE_INFINITY ? BEGINNING : rfc3339(ms)
}

// A moment as tenants name it, by its hour: usage is kept by the hour, and so is whatever is billed.

import { instantInZoneMs, instantOrDateSchema } from '../kernel/instant.ts'
import { bucketStartMs } from '../kernel/time.ts'

/** An instant, or a date, which is the midnight that it begins with in the tenant's time zone. */
export const dateOrInstant = (example = '2026-11-01T00:00:00Z') =>
  instantOrDateSchema(example).refine(
    (text) => /^(19|2[01])/.test(text),
    'must be in a year from 1900 to 2199',
  )

/** The hour that it is in. */
export const hourOf = (text: string, timezone: string): number =>
  bucketStartMs(timezone, instantInZoneMs(timezone, text))

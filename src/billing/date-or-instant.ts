// A moment as tenants name it: an instant, or a date, which is the midnight that it begins with in the tenant's time zone.

import { z } from 'zod'
import { dayOfDate, dayStartMs } from '../kernel/local-day.ts'
import { bucketStartMs } from '../kernel/time.ts'

export const dateOrInstant = () =>
  z
    .union([z.iso.datetime({ offset: true }), z.iso.date()], {
      error: 'must be an RFC 3339 time, such as 2026-11-01T00:00:00Z, or a date, such as 2026-11-01',
    })
    .refine((text) => /^(19|2[01])/.test(text), 'must be in a year from 1900 to 2199')

const isDate = (text: string): boolean => !text.includes('T') && !text.includes('t')

/** The hour that it is in: usage is kept by the hour. */
export const hourOf = (text: string, timezone: string): number =>
  bucketStartMs(timezone, isDate(text) ? dayStartMs(timezone, dayOfDate(text)) : Date.parse(text))

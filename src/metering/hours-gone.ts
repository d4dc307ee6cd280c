// The refusal of what would need hours that are dropped for their age, while their days stay.

import { TollgateError } from '../kernel/errors.ts'

/** `from`: since when hours are kept. */
export const hoursGone = (from: string): TollgateError =>
  new TollgateError(
    'hours_gone',
    `Usage before ${from} is kept by the day: its hours were dropped (HOURS_KEPT_DAYS). Ask for whole days of the tenant’s time zone.`,
  )

// Numbers and days as people read them. Exact: a number that is too long to be read is cut, and says so.

import { Temporal } from 'temporal-polyfill'
import { localDate } from '../../billing/interval.ts'
import { minorUnits } from '../../kernel/currency.ts'
import { decimal, roundHalfAwayFromZero, text } from '../../kernel/decimal.ts'

/** As many as a quantity that was sent can have. Only what was divided has more. */
const DECIMALS_SHOWN = 12
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** `-1234.5` → "−1,234.5" */
export const shownNumber = (value: string): string => shown(value, 0)

/** With the currency's decimals, or more if it has more: a unit may cost 0.00000015. */
export const shownMoney = (value: string, currency: string): string => shown(value, minorUnits(currency))

/** With the currency, which doesn't part from its amount at a line's end. */
export const shownAmount = (value: string, currency: string): string =>
  `${currency}\u00a0${shownMoney(value, currency)}`

export const shownPercent = (value: string): string => `${shownNumber(value)}\u00a0%`

function shown(value: string, decimalsAtLeast: number): string {
  const exact = decimal(value)
  const cut = roundHalfAwayFromZero(exact, DECIMALS_SHOWN)
  const [whole = '', decimals = ''] = text(cut).replace('-', '').split('.')
  const padded = decimals.padEnd(decimalsAtLeast, '0')
  const digits = whole.replace(/\B(?=(\d{3})+$)/g, ',') + (padded === '' ? '' : `.${padded}`)
  return `${cut.eq(exact) ? '' : '≈\u00a0'}${cut.lt('0') ? '−' : ''}${digits}`
}

export const shownDate = ({ day, month, year }: Temporal.PlainDate): string =>
  `${day}\u00a0${MONTHS[month - 1]}\u00a0${year}`

export const shownDay = (timezone: string, atMs: number): string => shownDate(localDate(timezone, atMs))

export const shownDayAndTime = (timezone: string, atMs: number): string =>
  `${shownDay(timezone, atMs)}, ${timeOf(timezone, atMs)}`

/** First to last day, both of them included. */
export const shownDates = (first: Temporal.PlainDate, last: Temporal.PlainDate): string =>
  first.equals(last) ? shownDate(first) : `${shownDate(first)} – ${shownDate(last)}`

/** The days that [fromMs, toMs) touches; of an empty span, the day that it is on. */
export const shownDays = (timezone: string, fromMs: number, toMs: number): string =>
  shownDates(localDate(timezone, fromMs), localDate(timezone, Math.max(fromMs, toMs - 1)))

/** The same, with the time where a day is cut. */
export function shownSpan(timezone: string, fromMs: number, toMs: number): string {
  const [wholeFrom, wholeTo] = [isDayStart(timezone, fromMs), isDayStart(timezone, toMs)]
  if (wholeFrom && wholeTo) return shownDays(timezone, fromMs, toMs)
  const from = wholeFrom ? shownDay(timezone, fromMs) : shownDayAndTime(timezone, fromMs)
  const to = wholeTo ? shownDay(timezone, toMs - 1) : shownDayAndTime(timezone, toMs)
  return `${from} – ${to}`
}

const isDayStart = (timezone: string, atMs: number): boolean =>
  localDate(timezone, atMs).toZonedDateTime(timezone).epochMilliseconds === atMs

const timeOf = (timezone: string, atMs: number): string =>
  Temporal.Instant.fromEpochMilliseconds(atMs)
    .toZonedDateTimeISO(timezone)
    .toPlainTime()
    .toString()
    .slice(0, 5)

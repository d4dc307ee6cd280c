// What a part of a period costs, by local days. Pure. The parts of a period add up to its price exactly, however it is
// divided: each part is the difference of two rounded amounts, what is due up to its end less what is due up to its start.

import { minorUnits } from '../kernel/currency.ts'
import { type Decimal, decimal, quotient, roundHalfAwayFromZero } from '../kernel/decimal.ts'
import { startOfDayMs } from '../kernel/local-day.ts'
import { type BillingPeriod, daysBetween } from './interval.ts'

/** Days of a whole period, [fromDay, toDay), counted from 0 at `fullStartMs`. */
export type DaySpan = { fromDay: number; toDay: number }

/**
 * Local days from a whole period's start to an instant. `floor`: to the start of the day that the instant is in; `ceil`: to
 * the end of that day, unless the instant is its very start. `timeMs`: what clocks show when a day of the period begins.
 */
export function dayOffset(
  timezone: string,
  fullStartMs: number,
  atMs: number,
  rounding: 'floor' | 'ceil',
  timeMs = 0,
): number {
  const dayStartMs = startOfDayMs(timezone, atMs, timeMs)
  const days = daysBetween(fullStartMs, dayStartMs)
  return rounding === 'ceil' && atMs > dayStartMs ? days + 1 : days
}

/**
 * The days of a period that each of its phases gets. `phases` are the parts of the period in order, each from where the one
 * before it ends. A day that a change cuts belongs to the later phase, so one that lasted for less than a day may get none; the
 * day on which the last phase ends counts as used (`lastDay`: ceil), unless another period begins on it.
 */
export function daySpans(
  timezone: string,
  { fullStartMs }: Pick<BillingPeriod, 'fullStartMs'>,
  phases: readonly { fromMs: number; toMs: number }[],
  { timeMs = 0, lastDay = 'ceil' }: { timeMs?: number; lastDay?: 'floor' | 'ceil' } = {},
): DaySpan[] {
  const offset = (atMs: number, rounding: 'floor' | 'ceil') =>
    dayOffset(timezone, fullStartMs, atMs, rounding, timeMs)
  return phases.map(({ fromMs, toMs }, i) => ({
    fromDay: offset(fromMs, 'floor'),
    toDay: offset(toMs, i === phases.length - 1 ? lastDay : 'floor'),
  }))
}

/**
 * What the days [fromDay, toDay) of `days` cost at `price` for all of them: round(P · toDay / days) − round(P · fromDay / days),
 * half away from zero to the currency's minor unit. P is the price rounded so first: all days together cost just that. A
 * negative price, a credit, is the same with the other sign.
 */
export function proratedAmount(
  price: Decimal,
  fromDay: number,
  toDay: number,
  days: number,
  currency: string,
): Decimal {
  const places = minorUnits(currency)
  const whole = roundHalfAwayFromZero(price, places)
  const dueUpTo = (day: number) => quotient(whole.times(String(day)), decimal(String(days)), places)
  return dueUpTo(toDay).minus(dueUpTo(fromDay))
}

// Instants and dates as the API takes them. RFC 3339 as it is written: `t` and `z` in either case, any number of decimals of a
// second, offsets, and a leap second, which counts as the second after it. Of the decimals three count. Where a day fits as
// well as an instant, a date is the midnight that it begins with, in the tenant's time zone.

import { z } from 'zod'
import { DAY_MS, dayOfDate, dayStartMs } from './local-day.ts'

const ECHOED_CHARS = 40
/** For the document: what `format: date-time` says, or a date. */
const INSTANT_OR_DATE =
  '^\\d{4}-\\d{2}-\\d{2}([Tt]\\d{2}:\\d{2}(:\\d{2}(\\.\\d+)?)?([Zz]|[+-]\\d{2}:\\d{2}))?$'
const MINUTE_MS = 60_000

/**
 * An RFC 3339 time as milliseconds since 1970; NaN for anything else, and for times that don't exist. Read by its characters,
 * as every event's time is: a regular expression and Date.parse take twice as long.
 */
export function instantMs(sent: string): number {
  const dayMs = dateMs(sent)
  const hour = two(sent, 11)
  const minute = two(sent, 14)
  const isTime = (sent[10] === 'T' || sent[10] === 't') && sent[13] === ':' && hour <= 23 && minute <= 59
  if (!isTime) return Number.NaN
  let at = 16
  let second = 0
  let fractionMs = 0
  if (sent[at] === ':') {
    second = two(sent, 17)
    at = 19
    if (sent[at] === '.') {
      const end = endOfDigits(sent, 20)
      if (end === 20) return Number.NaN
      fractionMs = Number(sent.slice(20, Math.min(end, 23)).padEnd(3, '0'))
      at = end
    }
  }
  const minuteMs = dayMs + (hour * 60 + minute) * MINUTE_MS - offsetMs(sent, at)
  // Leap seconds are the last of a day in UTC.
  const exists = second <= 59 || (second === 60 && (minuteMs + MINUTE_MS) % DAY_MS === 0)
  return exists ? minuteMs + second * 1000 + fractionMs : Number.NaN
}

/** `Z`, or `+05:30`, as the rest of the text. */
function offsetMs(sent: string, at: number): number {
  const sign = sent[at]
  if (sign === 'Z' || sign === 'z') return sent.length === at + 1 ? 0 : Number.NaN
  if ((sign !== '+' && sign !== '-') || sent[at + 3] !== ':' || sent.length !== at + 6) return Number.NaN
  const [hours, minutes] = [two(sent, at + 1), two(sent, at + 4)]
  if (!(hours <= 23 && minutes <= 59)) return Number.NaN
  return (sign === '-' ? -1 : 1) * (hours * 60 + minutes) * MINUTE_MS
}

/** The UTC midnight of the date that a text begins with; NaN for days that there are not, such as 30 February. */
function dateMs(sent: string): number {
  const year = two(sent, 0) * 100 + two(sent, 2)
  const month = two(sent, 5)
  const date = two(sent, 8)
  const isDate = sent[4] === '-' && sent[7] === '-' && date >= 1 && date <= daysOf(year, month)
  if (!isDate) return Number.NaN
  // Years that begin in March end with the leap day: so many days have passed since such a year 0.
  const [y, m] = month > 2 ? [year, month - 3] : [year - 1, month + 9]
  const leapDays = Math.floor(y / 4) - Math.floor(y / 100) + Math.floor(y / 400)
  return (y * 365 + leapDays + Math.floor((153 * m + 2) / 5) + date - 1 - DAYS_TO_1970) * DAY_MS
}

const DAYS_TO_1970 = 719_468
const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

/** 0 for a month that there is not. */
function daysOf(year: number, month: number): number {
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  return month === 2 && isLeap ? 29 : (MONTH_DAYS[month - 1] ?? 0)
}

/** The number that two digits are; NaN if they are none. */
function two(sent: string, at: number): number {
  const [tens, ones] = [sent.charCodeAt(at) - 48, sent.charCodeAt(at + 1) - 48]
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : Number.NaN
}

function endOfDigits(sent: string, from: number): number {
  let at = from
  while (sent[at]! >= '0' && sent[at]! <= '9') at++
  return at
}

/** The first instant of a date in the zone; an RFC 3339 time is what it is anywhere. NaN for anything else. */
export const instantInZoneMs = (timezone: string, sent: string): number =>
  isDate(sent) ? dayStartMs(timezone, dayOfDate(sent)) : instantMs(sent)

/** "2026-11-20", and a day that exists. */
export const isDate = (sent: string): boolean => sent.length === 10 && !Number.isNaN(dateMs(sent))

/** An RFC 3339 time, as milliseconds since 1970. */
export const instantSchema = (example: string) =>
  z
    .string({ error: notAnInstant(example) })
    .transform((sent, context) => {
      const ms = instantMs(sent)
      if (!Number.isNaN(ms)) return ms
      context.addIssue({ code: 'custom', message: whatIsWrong(sent, notAnInstant(example)) })
      return z.NEVER
    })
    .meta({ format: 'date-time', example })

/** An RFC 3339 time or a date; `instantInZoneMs` says when that is. */
export const instantOrDateSchema = (example: string) =>
  z
    .string({ error: notAnInstantOrDate(example) })
    .refine((sent) => isDate(sent) || !Number.isNaN(instantMs(sent)), {
      error: ({ input }) => wrongInstantOrDate(String(input), example),
    })
    .meta({ pattern: INSTANT_OR_DATE, example })

const notAnInstant = (example: string) => `must be an RFC 3339 time, such as "${example}"`
const notAnInstantOrDate = (example: string) =>
  `must be an RFC 3339 time, such as "${example}", or a date, such as "${example.slice(0, 10)}"`

/** What is wrong with what is neither an RFC 3339 time nor a date. */
export const wrongInstantOrDate = (sent: string, example: string): string =>
  whatIsWrong(sent, notAnInstantOrDate(example))

/** For what `instantMs` refuses: `right`, and what is wrong if that can be told. */
function whatIsWrong(sent: string, right: string): string {
  if (sent.length > ECHOED_CHARS) return right
  const meant = repaired(sent)
  if (meant !== null) return `${right}: send "${meant}"`
  const missing = missingPart(sent)
  return missing === null ? right : `${right}: ${missing}`
}

/** What was surely meant, if only its spelling is wrong: a space for the T, an offset without its colon. */
function repaired(sent: string): string | null {
  const meant = sent
    .trim()
    .replace(/^(\d{4}-\d\d-\d\d) +/, '$1T')
    .replace(/ ?([+-]\d\d)(\d\d)?$/, (_, hours, minutes = '00') => `${hours}:${minutes}`)
    .replace(/ ?UTC$/i, 'Z')
    // In a URL a "+" that isn't written %2B becomes a space.
    .replace(/(:\d\d(?:\.\d+)?) (\d\d:\d\d)$/, '$1+$2')
  return meant !== sent && !Number.isNaN(instantMs(meant)) ? meant : null
}

function missingPart(sent: string): string | null {
  const [, year, month, date, time] = /^(\d{4})-(\d\d)-(\d\d)(?:[Tt ](.*))?$/.exec(sent) ?? []
  if (year === undefined) return null
  const days = daysOf(+year, +month!)
  if (days === 0) return `there is no month ${month}`
  if (+date! < 1 || +date! > days) return `${year}-${month} has the days 01 to ${days}`
  if (time === undefined) return 'there is no time in it'
  if (/^\d\d:\d\d(:\d\d(\.\d+)?)?$/.test(time)) return 'it needs its offset from UTC, "Z" for UTC itself'
  if (/^(2[4-9]|[3-9])/.test(time)) return 'hours go from 00 to 23'
  if (/^\d\d:[6-9]/.test(time)) return 'minutes go from 00 to 59'
  if (/^\d\d:\d\d:60/.test(time)) return 'only 23:59 in UTC has a second 60'
  return /^\d\d:\d\d:[6-9]/.test(time) ? 'seconds go from 00 to 59' : null
}

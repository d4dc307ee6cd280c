// Text that every store can hold. Postgres refuses NUL and half surrogate pairs, a counter's name is separated by a
// control character, and a log line ends at a line break: so one rule for all names and ids.

import { z } from 'zod'

const CONTROL = /[\u0000-\u001f\u007f]/

/** One line of well-formed Unicode: no control characters, no lone surrogates. */
export const isLine = (text: string): boolean => text.isWellFormed() && !CONTROL.test(text)

/** A string of 1 to `maxChars` characters on one line. */
export const line = (maxChars: number) =>
  z
    .string()
    .min(1)
    .max(maxChars)
    .refine(isLine, 'must be one line of valid Unicode, without control characters')

/** Text that Postgres can hold, of several lines perhaps. */
export const isStorable = (text: string): boolean => text.isWellFormed() && !text.includes('\0')

/** What was sent, to be shown and kept: with U+FFFD in the place of what Postgres can't hold. */
export const storable = (text: string): string => text.toWellFormed().replaceAll('\0', '\ufffd')

/** The key of a meter or of a plan. */
export const KEY = /^[a-z0-9][a-z0-9_.-]{0,63}$/

export const keySchema = z
  .string()
  .regex(KEY, 'must be 1 to 64 of a-z, 0-9, "_", "." and "-", and begin with a letter or a digit')

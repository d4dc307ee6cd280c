// Decimals as the API takes them: strings of digits, with an exponent perhaps, as Python's str(Decimal) has it. A JSON number
// is refused, because it has been a double by the time we see it; what may be wrong with a string is answered with what would
// be right. What passes is canonical: "1.50" comes out as "1.5" and "15E-1" too, so equal values are equal text.

import { z } from 'zod'
import { decimal, QUANTITY_FRACTION_DIGITS, QUANTITY_INTEGER_DIGITS, text } from './decimal.ts'

/**
 * Advice for a number that should have been a string. Whoever has the body's own text puts the digits behind it that were
 * sent; a number may have lost some of them (src/http/sent.ts).
 */
export const SEND_A_STRING = 'send a string'

const ECHOED_CHARS = 40
const DIGITS = `(0|[1-9]\\d{0,${QUANTITY_INTEGER_DIGITS - 1}})(\\.\\d{1,${QUANTITY_FRACTION_DIGITS}})?`
const SCIENTIFIC = '(0|[1-9]\\d{0,39})(\\.\\d{1,40})?[eE][+-]?\\d{1,3}'
const SIGNED = new RegExp(`^-?(${DIGITS}|${SCIENTIFIC})$`)
const UNSIGNED = new RegExp(`^(${DIGITS}|${SCIENTIFIC})$`)
const AS_STRING = `must be a string, so that no digit is lost: ${SEND_A_STRING}`
const OUT_OF_RANGE = `must have at most ${QUANTITY_INTEGER_DIGITS} digits before the point and ${QUANTITY_FRACTION_DIGITS} after it`

type Options = {
  /** The least value allowed. Neither `min` nor `above`: negative values are fine too. */
  min?: string
  /** The value must be greater than this one. */
  above?: string
  /** The greatest value allowed. */
  max?: string
  /** What else the caller's schema takes, for the advice: "or null in the last tier". */
  otherwise?: string
}

/** A decimal string, up to 15 digits before the point and 12 after it, within the bounds. */
export function decimalString({ min, above, max, otherwise }: Options = {}) {
  const leasts = [min, above].filter((bound) => bound !== undefined).map(decimal)
  const unsigned = leasts.some((bound) => bound.gte('0'))
  const example = above === undefined ? '0.01' : text(decimal(above).plus('1'))
  const right = `must be a decimal string, such as "${example}"${otherwise === undefined ? '' : `, ${otherwise}`}`
  const range = above === undefined ? `must be ${min} or more` : `must be more than ${above}`
  return z
    .string({ error: ({ input }) => (typeof input === 'number' ? AS_STRING : right) })
    .regex(unsigned ? UNSIGNED : SIGNED, {
      error: ({ input }) => (unsigned && SIGNED.test(String(input)) ? range : asPlain(String(input), right)),
      abort: true,
    })
    .overwrite((sent) => text(decimal(sent)))
    .refine(isInRange, { error: OUT_OF_RANGE, abort: true })
    .refine((sent) => min === undefined || decimal(sent).gte(min), { error: range })
    .refine((sent) => above === undefined || decimal(sent).gt(above), { error: range })
    .refine((sent) => max === undefined || decimal(sent).lte(max), { error: `must be ${max} or less` })
    .meta({ format: 'decimal' })
}

/** A decimal string in what Tollgate answers: totals may have more digits than any input. */
export const decimalOutput = () =>
  z
    .string()
    .regex(/^-?\d+(\.\d+)?$/)
    .meta({ format: 'decimal' })

/** `plain`: canonical. With an exponent a short text may be a long number. */
function isInRange(plain: string): boolean {
  const [whole = '', fraction = ''] = plain.replace('-', '').split('.')
  return whole.length <= QUANTITY_INTEGER_DIGITS && fraction.length <= QUANTITY_FRACTION_DIGITS
}

function asPlain(sent: string, right: string): string {
  if (/^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(sent)) return OUT_OF_RANGE
  const plain = plainForm(sent)
  return plain === null
    ? right
    : `must be a plain decimal: send "${plain}", not ${JSON.stringify(shown(sent))}`
}

/** What was probably meant: " 1e3" → "1000", "+.5" → "0.5". */
function plainForm(sent: string): string | null {
  if (sent.length > ECHOED_CHARS) return null
  try {
    const plain = text(decimal(sent.trim().replace(/^\+/, '')))
    return SIGNED.test(plain) ? plain : null
  } catch {
    return null
  }
}

const shown = (sent: string): string =>
  sent.length > ECHOED_CHARS ? `${sent.slice(0, ECHOED_CHARS)}…` : sent

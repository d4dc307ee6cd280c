// What was sent as a quantity, as canonical decimal text: no float is computed with, ever.

import {
  decimal,
  EXPONENT_MAX,
  QUANTITY_FRACTION_DIGITS,
  QUANTITY_INTEGER_DIGITS,
  text,
} from '../kernel/decimal.ts'
import { SEND_A_STRING } from '../kernel/decimal-schema.ts'

/** What a quantity's text looks like. */
export const PLAIN = /^(-?)0*(\d+)(?:\.(\d+))?$/
/** As Python's str(Decimal) and JavaScript's String write what is very small or very large. */
const SCIENTIFIC = /^-?\d+(?:\.\d+)?[eE][+-]?\d+$/
const TEXT_CHARS = 64
const SAFE_NUMBER_DIGITS = 15
const OUT_OF_RANGE = `is out of range: at most ${QUANTITY_INTEGER_DIGITS} digits before the point and ${QUANTITY_FRACTION_DIGITS} after it`
const NOT_PLAIN = 'must be a plain decimal, such as "12.5" or "1e-7" (no plus sign, no separators)'

export type QuantityText = { ok: string } | { wrong: string }

/**
 * `1`, `1.0` and `"1.00"` are all `"1"`; `1e-7` and `"1E-7"` are `"0.0000001"`. A JSON number of more than 15 significant
 * digits has already lost some when it arrives: it is refused, not rounded.
 */
export function quantityText(sent: unknown): QuantityText {
  if (typeof sent === 'number') {
    if (Number.isInteger(sent) && sent >= 0 && sent < 1e15) return { ok: sent === 0 ? '0' : String(sent) }
    if (!Number.isFinite(sent)) return { wrong: 'must be a finite number' }
    const plain = text(decimal(String(sent)))
    if (plain.replace(/[-.]/g, '').replace(/^0+|0+$/g, '').length > SAFE_NUMBER_DIGITS) {
      // Which digits were sent, a number doesn't know any more.
      return {
        wrong: `has more than ${SAFE_NUMBER_DIGITS} significant digits, which a JSON number can't keep: ${SEND_A_STRING}`,
      }
    }
    return bounded(plain)
  }
  if (typeof sent !== 'string') return { wrong: 'must be a decimal, as a string or a number, such as "12.5"' }
  const match = sent.length <= TEXT_CHARS ? PLAIN.exec(sent) : null
  if (!match)
    return sent.length <= TEXT_CHARS && SCIENTIFIC.test(sent) ? scientific(sent) : { wrong: NOT_PLAIN }
  const whole = match[2]!
  const fraction = (match[3] ?? '').replace(/0+$/, '')
  if (whole.length > QUANTITY_INTEGER_DIGITS || fraction.length > QUANTITY_FRACTION_DIGITS)
    return { wrong: OUT_OF_RANGE }
  const digits = fraction === '' ? whole : `${whole}.${fraction}`
  return { ok: digits === '0' ? '0' : match[1] + digits }
}

/** The exponent is looked at before it is written out: `1e999999999` would be a gigabyte of zeros. */
function scientific(sent: string): QuantityText {
  const exponent = Number(sent.slice(sent.search(/e/i) + 1))
  if (Math.abs(exponent) > EXPONENT_MAX) return { wrong: OUT_OF_RANGE }
  return bounded(text(decimal(sent)))
}

const bounded = (plain: string): QuantityText =>
  plain.length > TEXT_CHARS ? { wrong: OUT_OF_RANGE } : quantityText(plain)

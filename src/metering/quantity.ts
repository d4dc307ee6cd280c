// What was sent as a quantity, as canonical decimal text: no float is computed with, ever.

import { decimal, QUANTITY_FRACTION_DIGITS, QUANTITY_INTEGER_DIGITS, text } from '../kernel/decimal.ts'

/** What a quantity's text looks like. */
export const PLAIN = /^(-?)0*(\d+)(?:\.(\d+))?$/
const SAFE_NUMBER_DIGITS = 15

export type QuantityText = { ok: string } | { wrong: string }

/**
 * `1`, `1.0` and `"1.00"` are all `"1"`. A JSON number of more than 15 significant digits has already lost some when it
 * arrives: it is refused, not rounded.
 */
export function quantityText(sent: unknown): QuantityText {
  if (typeof sent === 'number') {
    if (Number.isInteger(sent) && sent >= 0 && sent < 1e15) return { ok: sent === 0 ? '0' : String(sent) }
    if (!Number.isFinite(sent)) return { wrong: 'must be a finite number' }
    const plain = text(decimal(String(sent)))
    if (plain.replace(/[-.]/g, '').replace(/^0+|0+$/g, '').length > SAFE_NUMBER_DIGITS) {
      return {
        wrong: `has more than ${SAFE_NUMBER_DIGITS} significant digits, which a JSON number can't keep: send a string, such as "${plain}"`,
      }
    }
    return quantityText(plain)
  }
  if (typeof sent !== 'string') return { wrong: 'must be a decimal, as a string or a number, such as "12.5"' }
  const match = sent.length <= 64 ? PLAIN.exec(sent) : null
  if (!match)
    return { wrong: 'must be a plain decimal, such as "12.5" (no exponent, no plus sign, no separators)' }
  const whole = match[2]!
  const fraction = (match[3] ?? '').replace(/0+$/, '')
  if (whole.length > QUANTITY_INTEGER_DIGITS || fraction.length > QUANTITY_FRACTION_DIGITS) {
    return {
      wrong: `is out of range: at most ${QUANTITY_INTEGER_DIGITS} digits before the point and ${QUANTITY_FRACTION_DIGITS} after it`,
    }
  }
  const digits = fraction === '' ? whole : `${whole}.${fraction}`
  return { ok: digits === '0' ? '0' : match[1] + digits }
}

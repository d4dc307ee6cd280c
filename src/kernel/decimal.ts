// Exact decimals, for quantities and money. No float ever touches either. The arithmetic is big.js, in strict mode:
// a JavaScript number is refused, so that 0.1 + 0.2 can't slip in.

import Big from 'big.js'

const Exact = Big()
Exact.strict = true
Exact.NE = -1_000_000
Exact.PE = 1_000_000

export type Decimal = Big

export const QUANTITY_INTEGER_DIGITS = 15
export const QUANTITY_FRACTION_DIGITS = 12

/** Zeros that an exponent may stand for. `1e999999999` is ten characters, and a gigabyte when it is written out. */
export const EXPONENT_MAX = 1_000

/** `text`: a plain decimal such as `"-12.5"` (`"1e3"` is fine too, `"1e3000"` isn't). Throws on anything else. */
export function decimal(text: string): Decimal {
  const exponent = /e([+-]?\d+)$/i.exec(text)?.[1]
  if (exponent !== undefined && Math.abs(Number(exponent)) > EXPONENT_MAX) {
    throw new RangeError(`The exponent of ${text.slice(0, 40)} is beyond ${EXPONENT_MAX}`)
  }
  return new Exact(text)
}

export const zero: Decimal = decimal('0')

export const sum = (values: Iterable<Decimal>): Decimal => {
  let total = zero
  for (const value of values) total = total.plus(value)
  return total
}

/** Rounds half away from zero to `places` decimals: 0.125 → 0.13, -0.125 → -0.13. */
export const roundHalfAwayFromZero = (value: Decimal, places: number): Decimal =>
  value.round(places, Exact.roundHalfUp)

/** `dividend / divisor`, rounded half away from zero to `places` decimals. */
export function quotient(dividend: Decimal, divisor: Decimal, places: number): Decimal {
  const Division = Big()
  Division.DP = places
  Division.RM = Division.roundHalfUp
  return decimal(new Division(dividend).div(divisor).toFixed())
}

/** `dividend / divisor` without its decimals: 250 in hundreds → 2. `dividend` ≥ 0, `divisor` > 0. */
export const quotientRoundedDown = (dividend: Decimal, divisor: Decimal): Decimal => cut(dividend, divisor, 0)

/**
 * The least number of `divisor`s that hold all of `dividend`, whole or with so many decimals: 250 in hundreds → 3.
 * `dividend` ≥ 0, `divisor` > 0. It goes through the cut quotient, which is exact; a rounded one could lose a last small
 * remainder.
 */
export function quotientRoundedUp(dividend: Decimal, divisor: Decimal, places = 0): Decimal {
  const below = cut(dividend, divisor, places)
  return below.times(divisor).lt(dividend) ? below.plus(`1e-${places}`) : below
}

function cut(dividend: Decimal, divisor: Decimal, places: number): Decimal {
  const Division = Big()
  Division.DP = places
  Division.RM = Division.roundDown
  return decimal(new Division(dividend).div(divisor).toFixed())
}

/** `percent` % of it, exactly: 2.9 of 200 → 5.8. */
export const percentOf = (percent: Decimal | string, value: Decimal): Decimal =>
  value.times(percent).times('0.01')

/** The next integer above (or the value itself): 2.1 → 3. */
export const roundUp = (value: Decimal): Decimal => {
  const floor = value.round(0, Exact.roundDown)
  return floor.lt(value) ? floor.plus('1') : floor
}

/** Canonical text: no exponent, no trailing zeros, no minus zero. */
export const text = (value: Decimal): string => (value.eq('0') ? '0' : value.toFixed())

/** Text with exactly `places` decimals, rounded half away from zero: 1.5 → "1.50". No exponent, no minus zero. */
export const fixedText = (value: Decimal, places: number): string =>
  roundHalfAwayFromZero(value, places).toFixed(places)

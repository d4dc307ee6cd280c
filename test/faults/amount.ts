// Exact numbers for the ledger: whole numbers of 10^-12.

const DIGITS = 12
export const ONE = 10n ** BigInt(DIGITS)

export function amountOf(text: string): bigint {
  const [, sign, whole, fraction = ''] = /^(-?)(\d+)(?:\.(\d{1,12}))?$/.exec(text) ?? []
  if (whole === undefined) throw new Error(`No decimal: ${text}`)
  const amount = BigInt(whole) * ONE + BigInt(fraction.padEnd(DIGITS, '0'))
  return sign === '-' ? -amount : amount
}

export function textOf(amount: bigint): string {
  const size = amount < 0n ? -amount : amount
  const fraction = String(size % ONE)
    .padStart(DIGITS, '0')
    .replace(/0+$/, '')
  return `${amount < 0n ? '-' : ''}${size / ONE}${fraction === '' ? '' : `.${fraction}`}`
}

/** Half away from zero. */
export function quotient(dividend: bigint, divisor: bigint): bigint {
  const size = dividend < 0n ? -dividend : dividend
  const rounded = (2n * size + divisor) / (2n * divisor)
  return dividend < 0n ? -rounded : rounded
}

// How an amount came about, in words: a line of small print for each step of its rating.

import { decimal } from '../../kernel/decimal.ts'
import type { BreakdownRow } from '../../pricing/rated.ts'
import { shownMoney, shownNumber, shownPercent } from './format.ts'

const roundings = { up: ', rounded up', down: ', rounded down', nearest: ', rounded', none: '' } as const

export const priceSteps = (breakdown: BreakdownRow[], currency: string): string[] =>
  breakdown.map((row) => step(row, (amount) => shownMoney(amount, currency)))

function step(row: BreakdownRow, money: (amount: string) => string): string {
  const amount = money(row.amount)
  switch (row.kind) {
    case 'unit_conversion': {
      const { quantity_before: before, divide_by: by, quantity_after: after, round } = row
      return `${shownNumber(before)} ÷ ${shownNumber(by)}${roundings[round]}: ${shownNumber(after)}`
    }
    case 'free_units':
      return `${shownNumber(row.quantity)} of ${shownNumber(row.free_units)} free`
    case 'per_unit':
      return `${shownNumber(row.quantity)} × ${money(row.unit_amount)} = ${amount}`
    case 'package':
      return `${shownNumber(row.packages)} × ${money(row.package_amount)} for each ${shownNumber(row.package_size)} begun = ${amount}`
    case 'graduated':
    case 'volume': {
      const units = `${shownNumber(row.quantity)} × ${money(row.unit_amount)}`
      return `${tier(row, shownNumber)}${units}${flat(row.flat_amount, money)} = ${amount}`
    }
    case 'graduated_percentage': {
      const percent = `${shownPercent(row.rate)} of ${money(row.quantity)}`
      return `${tier(row, money)}${percent}${flat(row.flat_amount, money)} = ${amount}`
    }
    case 'flat':
      return `Flat amount: ${amount}`
    case 'percentage':
      return `${shownPercent(row.rate)} of ${money(row.quantity)} = ${amount}`
    case 'free_amount':
      return `${money(row.quantity)} of ${money(row.free_amount)} free`
    case 'fixed_amount': {
      const free = row.free_events === '0' ? '' : ` (${shownNumber(row.free_events)} more free)`
      return `${shownNumber(row.paid_events)} events × ${money(row.fixed_amount)} = ${amount}${free}`
    }
    case 'discount_percent':
      return `${shownPercent(row.discount_percent)} off: ${amount}`
    case 'maximum_amount':
      return `At most ${money(row.maximum_amount)}: ${amount}`
    case 'minimum_amount':
      return `At least ${money(row.minimum_amount)}: +${amount}`
  }
}

/** Where a tier lies; nothing for one that holds everything. */
function tier(
  { from, up_to }: { from: string; up_to: string | null },
  shown: (value: string) => string,
): string {
  if (decimal(from).eq('0')) return up_to === null ? '' : `Up to ${shown(up_to)}: `
  return up_to === null ? `Over ${shown(from)}: ` : `Over ${shown(from)} up to ${shown(up_to)}: `
}

const flat = (amount: string, money: (amount: string) => string): string =>
  decimal(amount).eq('0') ? '' : ` + ${money(amount)}`

// Which events of its resource type a meter counts: those on whose properties all terms of its filter hold. Pure, and read
// once for each filter, not for every event.

import { type Decimal, decimal } from '../kernel/decimal.ts'
import { lostDigits, property } from './property.ts'

export const filterOps = ['eq', 'ne', 'in', 'exists', 'gt', 'gte', 'lt', 'lte'] as const
export type FilterOp = (typeof filterOps)[number]
export type Scalar = string | number | boolean

export type FilterTerm = {
  /** a name or a path, as written */
  property: string
  op: FilterOp
  /** `in`: a list; `exists`: a boolean; `gt`, `gte`, `lt`, `lte`: a decimal */
  value: Scalar | Scalar[]
}

type Test = (sent: unknown) => boolean

/** Whether the event counts; or the property whose number JSON has taken for another, so that nobody can tell. */
export function passes(
  filter: readonly FilterTerm[],
  properties: Record<string, unknown>,
): boolean | { lostDigits: string } {
  if (filter.length === 0) return true
  for (const [i, test] of testsOf(filter).entries()) {
    const { property: written, op } = filter[i]!
    const sent = property(properties, written)
    if (op !== 'exists' && lostDigits(sent)) return { lostDigits: written }
    if (!test(sent)) return false
  }
  return true
}

const known = new WeakMap<readonly FilterTerm[], Test[]>()

function testsOf(filter: readonly FilterTerm[]): Test[] {
  let tests = known.get(filter)
  if (tests === undefined) {
    tests = filter.map(testOf)
    known.set(filter, tests)
  }
  return tests
}

function testOf({ op, value }: FilterTerm): Test {
  switch (op) {
    case 'eq':
      return equals(value as Scalar)
    case 'ne': {
      const same = equals(value as Scalar)
      return (sent) => !same(sent)
    }
    case 'in': {
      const any = (value as Scalar[]).map(equals)
      return (sent) => any.some((same) => same(sent))
    }
    case 'exists':
      return (sent) => (sent !== undefined && sent !== null) === value
    default: {
      const bound = decimal(String(value))
      return (sent) => {
        const amount = decimalOf(sent)
        return amount?.[op](bound) === true
      }
    }
  }
}

/**
 * The filter's value says how: a number compares as a decimal, with numbers and with decimals in strings; a string compares
 * as the text that group_by would show, so that "200" is 200, too; a boolean is that boolean only.
 */
function equals(value: Scalar): Test {
  if (typeof value === 'boolean') return (sent) => sent === value
  if (typeof value === 'string')
    return (sent) => sent !== undefined && typeof sent !== 'object' && String(sent) === value
  const amount = decimal(String(value))
  return (sent) => {
    if (typeof sent === 'number') return sent === value
    return typeof sent === 'string' && decimalOf(sent)?.eq(amount) === true
  }
}

/** An exponent of three digits is more than any quantity has, and no work to write out. */
const DECIMAL = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d{1,3})?$/
const DECIMAL_CHARS = 64

/** As quantities are taken: a number, or a decimal as a string, with an exponent perhaps. */
function decimalOf(sent: unknown): Decimal | null {
  if (typeof sent === 'number') return Number.isFinite(sent) ? decimal(String(sent)) : null
  return typeof sent === 'string' && sent.length <= DECIMAL_CHARS && DECIMAL.test(sent) ? decimal(sent) : null
}

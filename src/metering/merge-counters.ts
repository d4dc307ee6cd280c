// Counters that several events, or blocks of them, add to, merged before they are sent to Postgres. The same rule as in the
// record script and in the statement that settles.

import { decimal, text } from '../kernel/decimal.ts'
import { type Counter, type Merge, parseCounter } from './counter.ts'

export type Amounts = { merge: Merge; a: string; b: string }

/** By the counter's name, in no order. */
export type Merging = Map<string, Amounts>

export function mergeInto(merging: Merging, field: string, added: Amounts): void {
  const known = merging.get(field)
  merging.set(field, known === undefined ? added : merged(known, added))
}

function merged(one: Amounts, other: Amounts): Amounts {
  const { merge } = one
  switch (merge) {
    case 'add':
      return { merge, a: plus(one.a, other.a), b: plus(one.b, other.b) }
    case 'min':
      return decimal(other.a).lt(one.a) ? other : one
    case 'max':
      return decimal(other.a).gt(one.a) ? other : one
    case 'latest': {
      const later = Number(other.b) - Number(one.b)
      return later > 0 || (later === 0 && decimal(other.a).gt(one.a)) ? other : one
    }
    case 'once':
      return one
  }
}

const SMALL_INTEGER = /^-?\d{1,14}$/

function plus(x: string, y: string): string {
  if (SMALL_INTEGER.test(x) && SMALL_INTEGER.test(y)) return String(Number(x) + Number(y))
  return text(decimal(x).plus(y))
}

/** In the order that statements lock their rows in. */
export const countersOf = (merging: Merging): Counter[] =>
  [...merging]
    .sort(([x], [y]) => (x < y ? -1 : 1))
    .map(([field, { a, b }]) => parseCounter(field, `${a} ${b}`))

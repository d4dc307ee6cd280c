// Which events are sent: half of them to a few busy customers, whose counters every client touches at once, half to customers
// of 27 events each, in whose bills every event has a digit of its own.

import type { Random } from '../fuzz/random.ts'
import { ONE, textOf } from './amount.ts'
import { DIGITS_PER_CUSTOMER, type Ledger, type LedgerEvent, LOWEST_DIGIT } from './ledger.ts'

const HOUR_MS = 3_600_000
const BUSY_CUSTOMERS = 3
const USERS = 40
const REGIONS = ['eu', 'us', 'apac', null]

export const RESOURCE_TYPE = 'job'
export const meters = [
  { key: 'units', aggregation: 'sum', group_by: ['region'] },
  { key: 'calls', aggregation: 'count' },
  { key: 'users', aggregation: 'unique_count', value: 'user' },
  { key: 'peak', aggregation: 'max', value: 'peak' },
  { key: 'level', aggregation: 'weighted_sum', value: 'change' },
].map((meter) => ({ resource_type: RESOURCE_TYPE, ...meter }))

/** Two days and the hours around now. */
export function periodAround(nowMs: number): { startMs: number; endMs: number } {
  const hourMs = Math.floor(nowMs / HOUR_MS) * HOUR_MS
  return { startMs: hourMs - 48 * HOUR_MS, endMs: hourMs + 2 * HOUR_MS }
}

export class Workload {
  readonly #ledger: Ledger
  readonly #random: Random
  readonly #prefix: string
  #made = 0
  #digits = 0

  /** `prefix`: of all ids */
  constructor(ledger: Ledger, random: Random, prefix: string) {
    this.#ledger = ledger
    this.#random = random
    this.#prefix = prefix
  }

  next(): LedgerEvent {
    const random = this.#random
    const digit = random.chance(0.5) ? LOWEST_DIGIT + (this.#digits++ % DIGITS_PER_CUSTOMER) : null
    const customer =
      digit === null
        ? `busy-${random.int(BUSY_CUSTOMERS)}`
        : `digits-${Math.floor((this.#digits - 1) / DIGITS_PER_CUSTOMER)}`
    const units =
      digit === null ? BigInt(1 + random.int(1_000_000_000)) * 1_000n : 10n ** BigInt(digit - LOWEST_DIGIT)
    const peak = BigInt(1 + random.int(1_000_000)) * (ONE / 1_000n)
    // Without a timestamp an event happens when it arrives: then its change has to be none, for the ledger to know its effect.
    const timed = random.chance(0.9)
    const change = timed ? BigInt(random.int(2_001) - 1_000) * (ONE / 100n) : 0n
    const { startMs } = this.#ledger.period
    const atMs = startMs + random.int(Date.now() - startMs)
    const user = `user-${random.int(USERS)}`
    const region = random.pick(REGIONS)
    const event: LedgerEvent = {
      customer,
      digit,
      content: {
        id: `${this.#prefix}-${++this.#made}`,
        customer_id: customer,
        resource_type: RESOURCE_TYPE,
        quantity: textOf(units),
        properties: {
          user,
          peak: textOf(peak),
          change: textOf(change),
          ...(region !== null && { region }),
        },
        ...(timed && { timestamp: new Date(atMs).toISOString() }),
      },
      units,
      peak,
      user,
      change,
      atMs,
      sentAt: null,
      ackedAt: null,
      timesAccepted: 0,
    }
    this.#ledger.add(event)
    return event
  }
}

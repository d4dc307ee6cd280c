// Where a tenant's counters are: in its home partition, or in several by customer; and the former ones, which are frozen for it, and
// asked for ids and counters until nothing in them is needed. Nothing is ever copied from one to another.

import { keyedHash } from '../../kernel/keyed-hash.ts'

export type FormerHome = {
  partition: number
  /** nonce of the placement with which it became one */
  by: string
  sinceMs: number
  /** when it was told, by its own clock; null: that is not known yet */
  frozenMs: number | null
}

export type Placement = {
  /** Counted up with every change; 0: never changed. */
  version: number
  /** Tells apart two placements of one version, one of them written by a Postgres that was put back. */
  nonce: string
  home: number[]
  /** by what customers are divided over several homes */
  spreadBy: 'customer' | null
  former: FormerHome[]
  /** partitions that were former ones, and are asked for nothing but what the tenant took through them */
  past: number[]
}

/** Homes of one tenant at most. */
export const HOMES_MOST = 64
/** Former partitions at most: each is one more call for every batch of events. */
export const FORMER_MOST = 8

export const FIRST_NONCE = '-'

/** Of a tenant that has never been moved. */
export const firstPlacement = (partition: number): Placement => ({
  version: 0,
  nonce: FIRST_NONCE,
  home: [partition],
  spreadBy: null,
  former: [],
  past: [],
})

/** Where a tenant is that was made without being placed. Must never change, or its counters would be looked for elsewhere. */
export const partitionOf = (tenantId: string, partitions: number): number => keyedHash(tenantId) % partitions

/** Where a customer's events go. Must never change. */
export const homeOf = ({ home }: Placement, customerId: string): number =>
  home.length === 1 ? home[0]! : home[keyedHash(customerId) % home.length]!

/** The former partitions that may know ids of events whose home is this one. */
export const formerOf = ({ former }: Placement, home: number): number[] =>
  former.map(({ partition }) => partition).filter((partition) => partition !== home)

/** All partitions that may hold something which is not settled. */
export const everywhere = ({ home, former }: Placement): number[] => [
  ...new Set([...home, ...former.map(({ partition }) => partition)]),
]

/** … of these customers; of none, what is the tenant's. */
export const whereabouts = (placement: Placement, customerIds: string[]): number[] =>
  everywhere(
    customerIds.length === 0
      ? placement
      : { ...placement, home: customerIds.map((customerId) => homeOf(placement, customerId)) },
  )

/** All that a tenant was ever in. */
export const everUsed = (placement: Placement): number[] => [
  ...new Set([...everywhere(placement), ...placement.past]),
]

type Stamp = Pick<Placement, 'version' | 'nonce'>

/** Whether what a partition knows forbids to go on by this placement. */
export const overtakes = (known: Stamp, by: Stamp): boolean =>
  known.version > by.version || (known.version === by.version && known.nonce !== by.nonce)

/** The placement after a move. A partition that stays one of several homes is a former one, too: for customers who had it and have another now. */
export function movedTo(
  seen: Placement,
  to: Pick<Placement, 'home' | 'spreadBy'>,
  { nonce, nowMs }: { nonce: string; nowMs: number },
): Placement {
  const whole = (partition: number) => to.home.length === 1 && to.home[0] === partition
  const left = seen.home
    .filter((partition) => !whole(partition))
    .map((partition): FormerHome => ({ partition, by: nonce, sinceMs: nowMs, frozenMs: null }))
  const stay = seen.former.filter(({ partition }) => !seen.home.includes(partition) && !whole(partition))
  const past = seen.past.filter((partition) => !to.home.includes(partition))
  return {
    version: seen.version + 1,
    nonce,
    home: to.home,
    spreadBy: to.spreadBy,
    former: [...stay, ...left],
    past,
  }
}

/** The placement without some former homes: nothing in them is needed any more. */
export function without(seen: Placement, done: FormerHome[], nonce: string): Placement {
  const former = seen.former.filter((one) => !done.includes(one))
  const kept = new Set([...seen.home, ...former.map(({ partition }) => partition)])
  const gone = [...seen.past, ...done.map(({ partition }) => partition)]
  return {
    ...seen,
    version: seen.version + 1,
    nonce,
    former,
    past: [...new Set(gone)].filter((partition) => !kept.has(partition)),
  }
}

/** What a partition keeps of it, and hands over to whoever comes with an older one. */
export const placementText = (placement: Placement): string => JSON.stringify(placement)
export const parsePlacement = (text: string): Placement => JSON.parse(text) as Placement

// A counter: what happened in one bucket to one (tenant, customer, meter, group values), merged so far.

/**
 * How two values of a counter become one. All are commutative and associative, so order never matters.
 *   add     a + a, b + b
 *   min     the smaller a        max   the larger a
 *   latest  the a with the larger b (its event's time, ms), and of equal times the larger a
 *   once    nothing: that the counter exists is all it says (one counter a distinct value)
 */
export type Merge = 'add' | 'min' | 'max' | 'latest' | 'once'

export type Counter = {
  tenantId: string
  customerId: string
  /** a meter's id */
  meter: string
  bucketMs: number
  merge: Merge
  /** canonical JSON array of the group values, strings or null */
  groups: string
  /** `once`: the digest of the value; otherwise empty */
  distinctValue: string
  /** decimal strings */
  a: string
  b: string
}

const SEPARATOR = '\x1f'

/** The counter's name within its segment. No part can contain the separator: ids refuse control characters, JSON escapes them. */
export function counterField(counter: Omit<Counter, 'a' | 'b'>): string {
  const { tenantId, customerId, meter, bucketMs, merge, groups, distinctValue } = counter
  const parts = [tenantId, customerId, meter, bucketText(bucketMs), merge, groups, distinctValue]
  return parts.join(SEPARATOR)
}

let lastBucketMs = Number.NaN
let lastBucketText = ''

/** The last one is kept: most events are of this hour, and to write its number takes as long as all the rest of a name. */
function bucketText(bucketMs: number): string {
  if (bucketMs !== lastBucketMs) {
    lastBucketMs = bucketMs
    lastBucketText = bucketMs.toString(36)
  }
  return lastBucketText
}

/**
 * Whose counters the tallies are: what a meter took through one slot, events in `a` and the sum of their values in `b`. No
 * customer has an empty id. A tally is recorded, settled and read like any counter, which is what makes it a check of them.
 * Slots are kept apart as groups: what one lost must not be made up for by what another one's account has forgotten.
 */
export const TALLY_CUSTOMER = ''

/** What the log counts its events as. No meter can have this id. */
export const LOG_METER = '$log'
/** … and those that it has kept for long enough, when they leave it: Postgres alone counts them. */
export const EXPIRED_METER = '$expired'

export const tallyField = (tenantId: string, meter: string, slot: string): string =>
  counterField({
    tenantId,
    customerId: TALLY_CUSTOMER,
    meter,
    bucketMs: 0,
    merge: 'add',
    groups: JSON.stringify([slot]),
    distinctValue: '',
  })

/** `value`: `a` or `a b`, as the store keeps it. */
export function parseCounter(field: string, value: string): Counter {
  const [
    tenantId = '',
    customerId = '',
    meter = '',
    bucket = '',
    merge = '',
    groups = '',
    distinctValue = '',
  ] = field.split(SEPARATOR)
  const [a = '0', b = '0'] = value.split(' ')
  return {
    tenantId,
    customerId,
    meter,
    bucketMs: Number.parseInt(bucket, 36),
    merge: merge as Merge,
    groups,
    distinctValue,
    a,
    b,
  }
}

/**
 * `flat`: field, value, field, value … They come out in the order of their names, which is all but that of their rows in
 * Postgres. Texts sort three times as fast as objects by what is in them: hence before they are taken apart.
 */
export function parseCounters(flat: string[]): Counter[] {
  const lines: string[] = []
  for (let i = 0; i < flat.length; i += 2) lines.push(flat[i]! + SEPARATOR + flat[i + 1]!)
  return lines.sort().map((line) => {
    const valueAt = line.lastIndexOf(SEPARATOR)
    return parseCounter(line.slice(0, valueAt), line.slice(valueAt + 1))
  })
}

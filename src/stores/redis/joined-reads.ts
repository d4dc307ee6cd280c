// What several partitions answer of one tenant, as one answer.

import { decimal, text } from '../../kernel/decimal.ts'
import { parseCounter } from '../../metering/counter.ts'
import { LIVE_CHARS_PER_READ, LIVE_COUNTERS_PER_READ } from '../../metering/limits.ts'
import type { Accepted, AcceptedRead, Amount, LiveCounter, LiveLog, LogSpan } from '../../metering/ports.ts'
import { accountOf, slots } from './answered.ts'
import type { Reply } from './connection.ts'
import { fieldsOf } from './segment-content.ts'
import { tooManyLive } from './too-many-live.ts'

/** As scripts/live.ts gives it. Throws too_many_counters. */
export function joinedLive(replies: Reply[]): { configVersion: number | null; counters: LiveCounter[] } {
  const counters: LiveCounter[] = []
  let [configVersion, chars] = [0, 0]
  for (const reply of replies) {
    const [kind, version, segments] = reply as [string, string, [string, string[]][]]
    if (kind === 'too_many') throw tooManyLive()
    configVersion = Math.max(configVersion, Number(version))
    for (const [segment, flat] of segments) {
      for (const [field, value] of fieldsOf(flat)) {
        counters.push({ segment, ...parseCounter(field, value) })
        chars += field.length
      }
    }
  }
  if (chars > LIVE_CHARS_PER_READ || counters.length > LIVE_COUNTERS_PER_READ) throw tooManyLive()
  return { configVersion, counters }
}

/** `known`: how far this process knew its slot's accounts of the meters when it asked. */
export function acceptedIn(
  reply: Reply,
  meters: string[],
  known: { slot: string; accounts: string[] },
): AcceptedRead {
  const [amounts, segments] = reply as [(string | null)[], [string, string, string[]][]]
  const ofMeters = meters.map((meter, i): [string, Accepted[]] => [
    meter,
    slots.flatMap((slot, s) => {
      const ours = slot === known.slot ? known.accounts[i]! : ''
      return accountOf(slot, amounts[i * slots.length + s] ?? '', ours) ?? []
    }),
  ])
  const quarantined = new Set<string>()
  const counters: LiveCounter[] = []
  for (const [segment, reason, flat] of segments) {
    if (reason !== '') quarantined.add(segment)
    for (const [field, value] of fieldsOf(flat)) counters.push({ segment, ...parseCounter(field, value) })
  }
  return { meters: new Map(ofMeters), counters, quarantined }
}

/** A slot's account of a meter is what it took in all of them. */
export function joinedAccepted(meters: string[], reads: AcceptedRead[]): AcceptedRead {
  if (reads.length === 1) return reads[0]!
  const ofMeter = (meter: string): Accepted[] => {
    const bySlot = Map.groupBy(
      reads.flatMap((read) => read.meters.get(meter) ?? []),
      ({ slot }) => slot,
    )
    return [...bySlot.values()].map((accounts) => accounts.reduce(bothTook))
  }
  return {
    meters: new Map(meters.map((meter) => [meter, ofMeter(meter)])),
    counters: reads.flatMap(({ counters }) => counters),
    quarantined: new Set(reads.flatMap(({ quarantined }) => [...quarantined])),
  }
}

const bothTook = (one: Accepted, other: Accepted): Accepted => ({
  slot: one.slot,
  accepted: sum(one.accepted, other.accepted),
  lost: sum(one.lost, other.lost),
  lostSinceMs: earlier(one.lostSinceMs, other.lostSinceMs),
})

const sum = (one: Amount, other: Amount): Amount => ({
  events: text(decimal(one.events).plus(other.events)),
  quantity: text(decimal(one.quantity).plus(other.quantity)),
})

const earlier = (one: number | null, other: number | null): number | null =>
  one === null || other === null ? (one ?? other) : Math.min(one, other)

/** As far as all of them go: what lies beyond the first that was not read is left out. */
export function joinedLog(logs: LiveLog[], order: LogSpan['order']): LiveLog {
  if (logs.length === 1) return logs[0]!
  const direction = order === 'asc' ? 1 : -1
  const edges = logs.flatMap(({ nextMicros }) => nextMicros ?? [])
  const nextMicros = edges.length === 0 ? null : order === 'asc' ? Math.min(...edges) : Math.max(...edges)
  const calls = logs
    .flatMap(({ calls }) => calls)
    .filter(({ receivedMicros }) => nextMicros === null || direction * (nextMicros - receivedMicros) > 0)
    .sort((a, b) => direction * (a.receivedMicros - b.receivedMicros))
  return {
    segments: logs.flatMap(({ segments }) => segments),
    calls,
    kept: logs.flatMap(({ kept }) => kept),
    nextMicros,
    erased: logs.flatMap(({ erased }) => erased),
    sinceMicros: logs.map((log) => log.sinceMicros).reduce(earlier),
  }
}

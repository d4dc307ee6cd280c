// From when on a subscription is billed that was there before it was brought along. What came before is history: it has no invoice,
// and late usage of it has none. So that no period is billed in part, it is where one begins.

import { TollgateError } from '../../kernel/errors.ts'
import { bucketStartMs, rfc3339 } from '../../kernel/time.ts'
import { boundaryMs, type Interval, lastBoundary } from '../interval.ts'

/** How far back periods are invoiced. */
export const BILLED_MAX_DAYS = 366
const BILLED_MAX_MS = BILLED_MAX_DAYS * 86_400_000

type Facts = {
  startMs: number
  trialEndMs: number | null
  /** as it was sent; null: not at all */
  askedMs: number | null
  anchorDate: string
  interval: Interval
  timezone: string
  nowMs: number
}

/** null: all of it is billed. Throws validation_failed, and names instants that are right. */
export function billFromOf(facts: Facts): number | null {
  const { startMs, askedMs, nowMs } = facts
  const fromMs = Math.max(askedMs ?? startMs, startMs)
  if (fromMs < nowMs - BILLED_MAX_MS) throw tooLongAgo(facts)
  // The hour that it is in counts. A boundary is right as it is: where clocks jump by half an hour it may begin none.
  const hourMs = bucketStartMs(facts.timezone, fromMs)
  if (fromMs === startMs || hourMs === startMs) return null
  refuseBeyond(facts, fromMs)
  const [before, after] = boundariesAround(facts, fromMs)
  if (before === fromMs || before === hourMs) return before
  const named = [before, after].filter((ms) => nowMs - BILLED_MAX_MS <= ms && ms <= latestMs(facts))
  throw invalid(
    `must be where a period begins, such as ${named.map(rfc3339).join(' or ')}: no period is billed in part`,
  )
}

/** Where the period begins that an instant is in, and where it ends; before the first one, the start and its beginning. */
function boundariesAround(
  { startMs, trialEndMs, anchorDate, interval, timezone }: Facts,
  atMs: number,
): [number, number] {
  const firstMs = trialEndMs ?? startMs
  if (atMs < firstMs) return [startMs, firstMs]
  const k = lastBoundary(timezone, anchorDate, interval, atMs)
  const boundary = (k: number) => boundaryMs(timezone, anchorDate, interval, k)
  return [Math.max(boundary(k), firstMs), boundary(k + 1)]
}

function tooLongAgo(facts: Facts): TollgateError {
  const [before, after] = boundariesAround(facts, facts.nowMs)
  const [verb, why] =
    facts.askedMs === null
      ? ['be there', `the start is more than ${BILLED_MAX_DAYS} days ago`]
      : [`be at most ${BILLED_MAX_DAYS} days back`, 'what came before is history']
  const began =
    before < facts.nowMs - BILLED_MAX_MS ? '' : `${rfc3339(before)}, when its present period began, or `
  const ends = began === '' ? 'when its present period ends' : 'when that ends'
  return invalid(
    `must ${verb}, as ${why}: from when on periods are invoiced, such as ${began}${rfc3339(after)}, ${ends}`,
  )
}

const presentEnd = (facts: Facts): number => boundariesAround(facts, Math.max(facts.nowMs, facts.startMs))[1]

const latestMs = (facts: Facts): number => Math.max(presentEnd(facts), facts.nowMs + BILLED_MAX_MS)

function refuseBeyond(facts: Facts, fromMs: number): void {
  if (fromMs > latestMs(facts))
    throw invalid(
      `must be at most ${BILLED_MAX_DAYS} days ahead, or the end of its present period: ${rfc3339(presentEnd(facts))}`,
    )
}

const invalid = (detail: string) =>
  new TollgateError('validation_failed', 'The subscription can’t be billed from then on.', {
    issues: [{ pointer: '#/bill_from', detail }],
  })

// Moves a tenant to other partitions, or spreads its customers over several, under traffic. The order of the steps is what keeps
// every event counted once: see the README of this folder.

import { TollgateError } from '../../kernel/errors.ts'
import type { NewId } from '../../kernel/ids.ts'
import { type DescribedPlacement, type DescribeServices, described } from './describe-placement.ts'
import { everywhere, FORMER_MOST, movedTo, overtakes, type Placement } from './placement.ts'
import type { PartitionDirectory, Placements } from './ports.ts'

export type MoveServices = DescribeServices & {
  clock: () => number
  placements: Placements & { put(tenantId: string, placement: Placement, loadedAtMs: number): void }
  directory: PartitionDirectory
}

export type Move = Pick<Placement, 'home' | 'spreadBy'>

/** Each try that fails has found another placement than it began with. */
const TRIES = 8

/**
 * In force at once: whoever goes by the old placement is refused, and told of the new one. Throws not_found, validation_failed for a
 * partition that there isn't, state_conflict with too many former homes, store_unavailable where one of the partitions is away.
 */
export async function moveTenant(
  services: MoveServices,
  newId: NewId,
  tenantId: string,
  to: Move,
): Promise<DescribedPlacement> {
  await refuseUnknown(services, to.home)
  for (let tries = 0; tries < TRIES; tries++) {
    const seen = await services.placementStore.loadPlacement(tenantId)
    const later = await knownLater(services, tenantId, seen, to.home)
    if (later !== null) {
      await services.placements.learn(tenantId, later)
      continue
    }
    if (isThere(seen, to)) return await described(services, tenantId, seen)
    const nowMs = services.clock()
    const next = movedTo(seen, to, { nonce: newId(), nowMs })
    if (next.former.length > FORMER_MOST) throw await tooManyFormer(services, tenantId, seen)
    if (!(await services.placementStore.writePlacement(tenantId, seen, next))) continue
    services.placements.put(tenantId, next, nowMs)
    await freezeFormer(services, tenantId, next)
    return await described(services, tenantId, await services.placementStore.loadPlacement(tenantId))
  }
  throw new TollgateError(
    'store_unavailable',
    'The tenant is being moved by others at this moment. Send the same request again.',
    { retryAfterSeconds: 1 },
  )
}

/** What any of the partitions knows that Postgres doesn't: it may have been put back. They have to be reached, all of them. */
export async function knownLater(
  { homes }: Pick<MoveServices, 'homes'>,
  tenantId: string,
  seen: Placement,
  more: number[] = [],
): Promise<Placement | null> {
  const asked = [...new Set([...everywhere(seen), ...more])]
  const known = await Promise.all(asked.map((partition) => homes.knows(partition, tenantId)))
  const later = known.flatMap(({ placement }) =>
    placement !== null && overtakes(placement, seen) ? [placement] : [],
  )
  return later.sort((a, b) => b.version - a.version)[0] ?? null
}

/**
 * Freezes the homes that this placement has left, and notes when. Whatever keeps it from that is no harm: whoever comes with the
 * new placement freezes them first, and a job notes when.
 */
async function freezeFormer(services: MoveServices, tenantId: string, next: Placement): Promise<void> {
  const { homes, placementStore } = services
  await Promise.all(
    next.former.map(async ({ partition, by, frozenMs }) => {
      if (frozenMs !== null) return
      const frozen = await homes.freeze(partition, tenantId, next, null).catch(() => null)
      if (frozen === null || 'known' in frozen) return
      await placementStore.noteFrozen(tenantId, { partition, by, frozenMs: frozen.nowMs }).catch(() => {})
    }),
  )
}

const isThere = (seen: Placement, { home, spreadBy }: Move): boolean =>
  seen.spreadBy === spreadBy &&
  seen.home.length === home.length &&
  seen.home.every((partition, i) => partition === home[i])

async function refuseUnknown({ directory }: MoveServices, home: number[]): Promise<void> {
  const listed = async () => new Set((await directory.list()).map(({ id }) => id))
  let known = await listed()
  if (!home.every((partition) => known.has(partition))) {
    // Another process may have opened it.
    directory.forget()
    known = await listed()
  }
  const issues = home.flatMap((partition, i) =>
    known.has(partition)
      ? []
      : [
          {
            pointer: `#/partitions/${i}`,
            detail: `there is no partition ${partition}: GET /api/v1/partitions lists them`,
          },
        ],
  )
  if (issues.length > 0)
    throw new TollgateError('validation_failed', 'A partition of the placement does not exist.', { issues })
}

async function tooManyFormer(
  { formerKeptMs, placementStore }: MoveServices,
  tenantId: string,
  { former }: Placement,
): Promise<TollgateError> {
  const keptMs = formerKeptMs(await placementStore.windowOf(tenantId))
  const until = former.map(({ frozenMs }) => frozenMs ?? Number.POSITIVE_INFINITY)
  const first = Math.min(...until) + keptMs
  const when = Number.isFinite(first) ? ` The first of them goes at ${new Date(first).toISOString()}.` : ''
  return new TollgateError(
    'state_conflict',
    `The tenant would have more than ${FORMER_MOST} former partitions, each of which is asked for every batch of events.${when}`,
  )
}

// Revises a meter: other groups, another value or filter from an hour on, or the same counted anew. The revision is filled from
// the log beside the meter, under an id of its own; until it has all, nothing is read from it.

import { TollgateError } from '../kernel/errors.ts'
import { type NewId, newShortId } from '../kernel/ids.ts'
import { rfc3339 } from '../kernel/time.ts'
import { type AnnounceServices, announceConfig } from './announce-config.ts'
import { noLog } from './create-meter.ts'
import { METERS_PER_RESOURCE_TYPE, METERS_PER_TENANT, REVISIONS_PER_METER } from './limits.ts'
import { type Meter, noMeter, type TenantConfig } from './meter.ts'
import type { CounterStore, SegmentLog } from './ports.ts'
import {
  type Definition,
  definitionOf,
  isSame,
  type ReplayInput,
  type RevisionInput,
} from './revision-input.ts'
import type { RevisionCreated, RevisionStore } from './revision-store.ts'

export type ReviseServices = AnnounceServices & {
  counters: Pick<CounterStore, 'clockMicros'>
  catalog: RevisionStore
  /** null: there is none */
  log: SegmentLog | null
}

type Context = { tenant: TenantConfig; newId: NewId }
type Revised = { revision: Meter; created: boolean }

/** The catalog may change under it, but hardly so often. */
const TRIES = 5

/** How a meter is to be revised. `again`: also if it counts so already. */
export type AskedRevision = { key: string; define: (meter: Meter) => Definition; again: boolean }

/** The same one again, while it is filled or when it counts already, is a success. */
export const revisionOf = (
  { timezone }: TenantConfig,
  { key, input }: { key: string; input: RevisionInput },
): AskedRevision => ({
  key,
  again: false,
  define: (meter) => {
    const wanted = definitionOf(meter, input, timezone)
    if (!isSame(meter, wanted) || meter.revision?.fromMs === wanted.fromMs) return wanted
    throw new TollgateError(
      'validation_failed',
      `"${key}" counts so already. To count it anew, POST /api/v1/meters/${key}/replay.`,
      { issues: [{ pointer: '#', detail: 'has nothing that is another than in the meter' }] },
    )
  },
})

/** Counts anew, from the log, what is in a meter from an hour on. */
export const replayOf = (
  { timezone }: TenantConfig,
  { key, input }: { key: string; input: ReplayInput },
): AskedRevision => ({ key, again: true, define: (meter) => definitionOf(meter, input, timezone) })

export async function reviseMeter(
  services: ReviseServices,
  { tenant, newId }: Context,
  asked: AskedRevision,
): Promise<Revised> {
  const { tenantId } = tenant
  for (let tries = 0; tries < TRIES; tries++) {
    const { version, meter, wanted, filling, known } = await foundFor(services, tenantId, asked)
    if (known) {
      await announceConfig(services, tenantId, version, { fills: filling !== undefined })
      return { revision: known, created: false }
    }
    const bornMicros = await services.counters.clockMicros(tenantId)
    const revision = { id: newShortId(newId), ...wanted, bornMicros }
    const outcome = await services.catalog.createRevision(tenantId, besideOf(meter, wanted), revision)
    if (outcome.kind === 'moved') continue
    if (outcome.kind !== 'created') throw refusal(meter, outcome)
    await announceConfig(services, tenantId, outcome.version, { fills: true })
    return { revision: outcome.revision, created: true }
  }
  throw moving()
}

/** Changes nothing, and throws what `reviseMeter` would. `known`: the revision that there is already. */
export async function tryRevision(
  services: Pick<ReviseServices, 'catalog' | 'log'>,
  tenantId: string,
  asked: AskedRevision,
): Promise<{ meter: Meter; wanted: Definition; known: Meter | undefined }> {
  for (let tries = 0; tries < TRIES; tries++) {
    const found = await foundFor(services, tenantId, asked)
    const { meter, wanted } = found
    if (found.known) return found
    const outcome = await services.catalog.tryRevision(tenantId, besideOf(meter, wanted), wanted)
    if (outcome === null) return found
    if (outcome.kind !== 'moved') throw refusal(meter, outcome)
  }
  throw moving()
}

const besideOf = (meter: Meter, { groupBy }: Definition) => ({
  key: meter.key,
  seen: meter.id,
  dropped: meter.groupBy.filter((property) => !groupBy.includes(property)),
})

async function foundFor(
  services: Pick<ReviseServices, 'catalog' | 'log'>,
  tenantId: string,
  { key, define, again }: AskedRevision,
) {
  if (services.log === null) throw noLog('from', 'there is nothing that it could be filled from')
  const { version, meters } = await services.catalog.listRevisions(tenantId, key)
  const meter = currentOf(meters)
  if (meter === null) throw noMeter(key)
  if (meter.archivedAt !== null) throw archived(key)
  const wanted = define(meter)
  const filling = meters.find(({ revision }) => revision?.state === 'filling')
  const there = filling ?? (again ? undefined : meter)
  const isKnown = there && isSame(there, wanted) && there.revision?.fromMs === wanted.fromMs
  if (filling && !isKnown) throw underWay(filling)
  return { version, meter, wanted, filling, known: isKnown ? there : undefined }
}

const moving = () =>
  new TollgateError(
    'store_unavailable',
    'The meters are being changed at this moment. Send the same request again.',
    {
      retryAfterSeconds: 1,
    },
  )

/** As long as it is being filled. Cancelling it again is a success. */
export async function cancelRevision(
  services: AnnounceServices & { catalog: RevisionStore },
  { tenant }: { tenant: TenantConfig },
  { key, number }: { key: string; number: number },
): Promise<Meter> {
  const outcome = await services.catalog.cancelRevision(tenant.tenantId, key, number)
  if (outcome === null) {
    const { meters } = await services.catalog.listRevisions(tenant.tenantId, key)
    if (meters.length === 0) throw noMeter(key)
    throw new TollgateError('not_found', `The meter "${key}" has no revision ${number}.`)
  }
  if (outcome.kind === 'switched') {
    throw new TollgateError(
      'state_conflict',
      `Revision ${number} of "${key}" is no longer being filled: the meter counts by it, or did. Revise the meter again to have it count otherwise.`,
    )
  }
  await announceConfig(services, tenant.tenantId, outcome.version)
  return outcome.revision
}

export const currentOf = (meters: Meter[]): Meter | null =>
  meters.find(({ revision }) => revision === null || revision.state === 'current') ?? null

const archived = (key: string) =>
  new TollgateError(
    'state_conflict',
    `The meter "${key}" is archived: it counts nothing any more, and can’t be revised.`,
  )

const underWay = ({ key, revision }: Meter) =>
  new TollgateError(
    'state_conflict',
    `"${key}" is being revised already, and otherwise: revision ${revision!.number} is being filled. Wait for it, or cancel it (POST /api/v1/meters/${key}/revisions/${revision!.number}/cancel).`,
  )

type Refused = Exclude<RevisionCreated, { kind: 'created' | 'moved' }>

function refusal(meter: Meter, outcome: Refused): TollgateError {
  const refused = (detail: string, pointer: string, issue: string) =>
    new TollgateError('validation_failed', detail, { issues: [{ pointer, detail: issue }] })
  if (outcome.kind === 'before_log') {
    const since = outcome.logSinceMs === null ? null : rfc3339(outcome.logSinceMs)
    return refused(
      since === null
        ? 'There is no event log of this tenant that the meter could be counted anew from.'
        : `"${meter.key}" has counted before ${since}, from when on the event log has all: what came earlier can’t be counted anew.`,
      '#/from',
      since === null ? 'needs an event log' : `must be five minutes after ${since} at least`,
    )
  }
  if (outcome.kind === 'erased') return eventsErased(meter, outcome)
  if (outcome.kind === 'priced') {
    const names = outcome.properties.map((name) => JSON.stringify(name)).join(', ')
    return refused(
      `Plans or subscriptions price groups of "${meter.key}" by ${names}: it has to keep those apart.`,
      '#/group_by',
      `must hold ${names}, which prices go by`,
    )
  }
  if (outcome.of === 'meter')
    return refused(`A meter has ${REVISIONS_PER_METER} revisions at most.`, '#', 'would be one more')
  return outcome.of === 'tenant'
    ? refused(
        `A tenant has ${METERS_PER_TENANT} meters at most, with all their revisions.`,
        '#',
        'would be one more',
      )
    : refused(
        `A resource type feeds ${METERS_PER_RESOURCE_TYPE} active meters at most, and a revision that is being filled is one of them.`,
        '#',
        `"${meter.resourceType}" feeds ${METERS_PER_RESOURCE_TYPE} already: archive one of them first`,
      )
}

/** Without them, its totals would be lower than they are. */
function eventsErased({ key }: Meter, outcome: Extract<Refused, { kind: 'erased' }>): TollgateError {
  const { customerId, byMs, isMoved } = outcome
  const instead = isMoved
    ? 'Corrections have moved events in time, so no hour can be counted anew.'
    : `Hours from five minutes after that on can be: send a later "from".`
  return new TollgateError(
    'events_erased',
    `"${key}" can’t be counted anew from then on: events of the customer ${JSON.stringify(customerId)} that had arrived by ${rfc3339(byMs)} were erased from the log, or are being. ${instead}`,
  )
}

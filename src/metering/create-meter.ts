// Creates a meter. Sending the same meter again is a success, so that a retry after a lost answer is one.

import { TollgateError } from '../kernel/errors.ts'
import { type NewId, newShortId } from '../kernel/ids.ts'
import { bucketStartMs, nextWindowStartMs, rfc3339 } from '../kernel/time.ts'
import { type AnnounceServices, announceConfig } from './announce-config.ts'
import { LOG_SINCE_SLACK_MS, METERS_PER_RESOURCE_TYPE, METERS_PER_TENANT } from './limits.ts'
import type { Meter, TenantConfig } from './meter.ts'
import { differences, type MeterInput, type NewMeter, newMeter } from './meter-input.ts'
import type { MeterStore } from './meter-store.ts'
import type { CounterStore, SegmentLog } from './ports.ts'

type Services = AnnounceServices & {
  counters: Pick<CounterStore, 'clockMicros'>
  catalog: Pick<MeterStore, 'createMeter'>
  /** null: there is none */
  log: SegmentLog | null
}

/** Throws already_exists if the key has another content, validation_failed at a limit. */
export async function createMeter(
  services: Services,
  { tenant, newId }: { tenant: TenantConfig; newId: NewId },
  input: MeterInput,
): Promise<{ meter: Meter; created: boolean }> {
  const wanted = wantedBy(services, newShortId(newId), { tenant, input })
  // Before it is there: what arrives later is counted by it, by whoever it is recorded.
  const bornMicros = await services.counters.clockMicros(tenant.tenantId)
  const outcome = await services.catalog.createMeter(tenant.tenantId, wanted, bornMicros)
  if (outcome.kind === 'too_many') throw tooMany(outcome.of, input)
  if (outcome.kind === 'log_too_short') throw logTooShort(outcome.sinceMs, tenant.timezone)
  if (outcome.kind === 'exists') refuseOtherContent(outcome.meter, wanted)
  await announceConfig(services, tenant.tenantId, outcome.version, { fills: wanted.countsFromMs !== null })
  return { meter: outcome.meter, created: outcome.kind === 'created' }
}

/** Changes nothing, and throws what `createMeter` would. null: the same meter is there already. */
export async function tryMeter(
  services: { catalog: Pick<MeterStore, 'tryMeter'>; log: SegmentLog | null },
  tenant: TenantConfig,
  input: MeterInput,
): Promise<NewMeter | null> {
  const wanted = wantedBy(services, '', { tenant, input })
  const outcome = await services.catalog.tryMeter(tenant.tenantId, wanted)
  if (outcome?.kind === 'too_many') throw tooMany(outcome.of, input)
  if (outcome?.kind === 'log_too_short') throw logTooShort(outcome.sinceMs, tenant.timezone)
  if (outcome === null) return wanted
  refuseOtherContent(outcome.meter, wanted)
  return null
}

function wantedBy(
  { log }: { log: SegmentLog | null },
  id: string,
  { tenant, input }: { tenant: TenantConfig; input: MeterInput },
): NewMeter {
  const wanted = newMeter(id, input, tenant.timezone)
  if (wanted.countsFromMs === null || log !== null) return wanted
  throw noLog('counts_from', 'leave it out, and the meter counts from now on')
}

function refuseOtherContent(existing: Meter, wanted: ReturnType<typeof newMeter>): void {
  const differing = differences(existing, wanted)
  const issues = differing.map(({ field, is, sent }) => ({
    pointer: `#/${field}`,
    detail: `is ${is} there, not ${sent}`,
  }))
  if (existing.archivedAt !== null) {
    throw new TollgateError(
      'already_exists',
      `The meter "${existing.key}" was archived; its key can't be used again. Take another key.`,
      { issues: [{ pointer: '#/key', detail: 'belongs to an archived meter' }, ...issues] },
    )
  }
  if (issues.length === 0) return
  throw new TollgateError(
    'already_exists',
    `There is a meter "${existing.key}" already, and it is another: ${differing.map(({ field }) => field).join(', ')}.`,
    { issues },
  )
}

export const noLog = (field: string, otherwise: string) =>
  new TollgateError('validation_failed', 'There is no event log here that a meter could count from.', {
    issues: [{ pointer: `#/${field}`, detail: `needs the event log: ${otherwise}` }],
  })

export function logTooShort(sinceMs: number, timezone: string): TollgateError {
  const fromMs = sinceMs + LOG_SINCE_SLACK_MS
  const hourMs = bucketStartMs(timezone, fromMs)
  const first = hourMs === fromMs ? hourMs : nextWindowStartMs(timezone, 'hour', hourMs)
  return new TollgateError(
    'validation_failed',
    `The event log has everything since ${rfc3339(sinceMs)}, and may lack what arrived before.`,
    {
      issues: [
        {
          pointer: '#/counts_from',
          detail: `must be ${rfc3339(first)} or later, or "beginning": then the meter counts what the log still has`,
        },
      ],
    },
  )
}

function tooMany(of: 'tenant' | 'resource_type', input: MeterInput): TollgateError {
  return of === 'tenant'
    ? new TollgateError(
        'validation_failed',
        `A tenant has ${METERS_PER_TENANT} meters at most, archived ones too.`,
        {
          issues: [{ pointer: '#', detail: `would be meter number ${METERS_PER_TENANT + 1}` }],
        },
      )
    : new TollgateError(
        'validation_failed',
        `A resource type feeds ${METERS_PER_RESOURCE_TYPE} active meters at most.`,
        {
          issues: [
            {
              pointer: '#/resource_type',
              detail: `"${input.resource_type}" feeds ${METERS_PER_RESOURCE_TYPE} active meters already: archive one of them, or group one by a property instead`,
            },
          ],
        },
      )
}

// Creates a meter. Sending the same meter again is a success, so that a retry after a lost answer is one.

import { TollgateError } from '../kernel/errors.ts'
import { type NewId, newShortId } from '../kernel/ids.ts'
import { type AnnounceServices, announceConfig } from './announce-config.ts'
import { METERS_PER_RESOURCE_TYPE, METERS_PER_TENANT } from './limits.ts'
import type { Meter, TenantConfig } from './meter.ts'
import { differences, type MeterInput, newMeter } from './meter-input.ts'
import type { MeterStore } from './meter-store.ts'
import type { SegmentLog } from './ports.ts'

type Services = AnnounceServices & {
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
  const wanted = newMeter(newShortId(newId), input, tenant.timezone)
  if (wanted.countsFromMs !== null && services.log === null) throw noLog()
  const outcome = await services.catalog.createMeter(tenant.tenantId, wanted)
  if (outcome.kind === 'too_many') throw tooMany(outcome.of, input)
  if (outcome.kind === 'exists') refuseOtherContent(outcome.meter, wanted)
  await announceConfig(services, tenant.tenantId, outcome.version)
  return { meter: outcome.meter, created: outcome.kind === 'created' }
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

export const noLog = () =>
  new TollgateError('validation_failed', 'There is no event log here that a meter could count from.', {
    issues: [
      {
        pointer: '#/counts_from',
        detail: 'needs the event log: leave it out, and the meter counts from now on',
      },
    ],
  })

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

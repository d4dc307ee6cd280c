// Changes a meter: its name, and whether it skips events from now on. What was counted keeps its meaning.

import { TollgateError } from '../kernel/errors.ts'
import { type AnnounceServices, announceConfig } from './announce-config.ts'
import { countsFromText } from './counts-from.ts'
import { type Meter, noMeter, type TenantConfig } from './meter.ts'
import { changedMeaning, checkedCountsFrom, idleMissing, type MeterChange } from './meter-input.ts'
import type { MeterStore } from './meter-store.ts'

type Services = AnnounceServices & { catalog: Pick<MeterStore, 'findMeter' | 'changeMeter'> }

/** Throws meaning_would_change if more than that would be another. */
export async function changeMeter(
  services: Services,
  { tenant }: { tenant: TenantConfig },
  { key, change }: { key: string; change: MeterChange },
): Promise<Meter> {
  const meter = await services.catalog.findMeter(tenant.tenantId, key)
  if (meter === null) throw noMeter(key)
  const { name, missing, counts_from: from, ...meaning } = change
  refuseOtherMeaning(meter, {
    ...meaning,
    ...(from !== undefined && { counts_from: countsFromText(checkedCountsFrom(from, tenant.timezone)) }),
  })
  const idle = missing === undefined ? null : idleMissing(missing, meter)
  if (idle !== null) {
    throw new TollgateError('validation_failed', `"${key}" can’t skip: ${idle}.`, {
      issues: [{ pointer: '#/missing', detail: idle }],
    })
  }
  if (name === undefined && missing === undefined) return meter
  const changed = await services.catalog.changeMeter(tenant.tenantId, key, {
    ...(name !== undefined && { name }),
    ...(missing !== undefined && { missing }),
  })
  if (changed === null) throw noMeter(key)
  await announceConfig(services, tenant.tenantId, changed.version)
  return changed.meter
}

function refuseOtherMeaning(meter: Meter, sent: Omit<MeterChange, 'name' | 'missing'>): void {
  const changed = changedMeaning(meter, sent)
  if (changed.length === 0) return
  throw new TollgateError(
    'meaning_would_change',
    `What "${meter.key}" has counted would mean something else. Create another meter with another key (POST /api/v1/meters), ` +
      `and archive this one (POST /api/v1/meters/${meter.key}/archive) when nothing needs it any more.`,
    {
      issues: changed.map(({ field, is }) => ({
        pointer: `#/${field}`,
        detail: `is ${is}, and can't be changed`,
      })),
    },
  )
}

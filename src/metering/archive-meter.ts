// Archives a meter: it counts no further events; what it has counted is kept, read and billed as before.

import { type AnnounceServices, announceConfig } from './announce-config.ts'
import { type Meter, noMeter, type TenantConfig } from './meter.ts'
import type { MeterStore } from './meter-store.ts'

type Services = AnnounceServices & { catalog: Pick<MeterStore, 'archiveMeter'> }

/** Archiving it again is a success. */
export async function archiveMeter(
  services: Services,
  { tenant }: { tenant: TenantConfig },
  { key }: { key: string },
): Promise<Meter> {
  const archived = await services.catalog.archiveMeter(tenant.tenantId, key)
  if (archived === null) throw noMeter(key)
  await announceConfig(services, tenant.tenantId, archived.version)
  return archived.meter
}

// After a change to a tenant's meters or plans: tells Redis the version that Postgres now has. A change is answered with
// success only then, so that no event that comes after the answer is counted by what was before it.

import { TollgateError } from '../kernel/errors.ts'
import type { CounterStore } from './ports.ts'

export type AnnounceServices = {
  counters: Pick<CounterStore, 'publishConfig'>
  /** what this instance has cached */
  configs: { forget(tenantId: string): void }
}

export async function announceConfig(
  services: AnnounceServices,
  tenantId: string,
  version: number,
  options: { fills?: boolean } = {},
): Promise<void> {
  services.configs.forget(tenantId)
  try {
    await services.counters.publishConfig(tenantId, version, options)
  } catch (error) {
    throw new TollgateError(
      'store_unavailable',
      'The change is stored, but the counters could not be told of it yet. Send the same request again.',
      { retryAfterSeconds: 1, internal: error },
    )
  }
}

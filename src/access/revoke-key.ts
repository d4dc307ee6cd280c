// Revokes an API key: here at once, on other instances when what they have cached is over age (KEY_MAX_AGE_MS).

import { TollgateError } from '../kernel/errors.ts'
import type { KeyCache } from './key-cache.ts'
import type { AccessStore } from './ports.ts'

type Services = { access: Pick<AccessStore, 'revokeKey'>; keys: KeyCache; clock: () => number }

/** Revoking it again is a success. */
export async function revokeKey(services: Services, { id }: { id: string }): Promise<void> {
  const revoked = await services.access.revokeKey(id)
  if (revoked === null) throw new TollgateError('not_found', `There is no API key ${id}.`)
  services.keys.putUnknown(revoked.hash, services.clock())
}

// Makes an API key for a tenant.

import { sha256Hex } from '../kernel/digest.ts'
import { TollgateError } from '../kernel/errors.ts'
import type { NewId } from '../kernel/ids.ts'
import { type ApiKey, type FillRandom, hintOf, makeKey } from './api-key.ts'
import { type AccessStore, KEYS_PER_TENANT, type NewKey } from './ports.ts'
import type { KeyInput } from './tenant.ts'

export const DEFAULT_KEY_NAME = 'default'

type Services = { access: Pick<AccessStore, 'createKey'> }

/** Where the key's id and its secret come from: where they come again, so does the key. */
export type KeySource = { newId: NewId; fillRandom?: FillRandom | undefined }

/** A key, and what of it is stored. */
export function newKey(name: string, { newId, fillRandom }: KeySource): { secret: string; stored: NewKey } {
  const secret = makeKey(fillRandom)
  return { secret, stored: { id: newId(), name, hash: sha256Hex(secret), hint: hintOf(secret) } }
}

export const noTenant = (id: string) => new TollgateError('not_found', `There is no tenant ${id}.`)

/** `secret` is the key itself, which is stored nowhere. */
export async function createKey(
  services: Services,
  source: KeySource,
  input: KeyInput,
): Promise<{ key: ApiKey; secret: string }> {
  const { secret, stored } = newKey(input.name, source)
  const outcome = await services.access.createKey(input.tenant_id, stored)
  if (outcome.kind === 'created') return { key: outcome.key, secret }
  if (outcome.kind === 'no_tenant') throw noTenant(input.tenant_id)
  throw new TollgateError(
    'validation_failed',
    `A tenant has ${KEYS_PER_TENANT} keys at most. Revoke one first.`,
  )
}

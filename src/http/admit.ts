// Who may come in: a tenant with its API key, or the operator with the admin token.

import type { Context } from 'hono'
import { looksLikeKey } from '../access/api-key.ts'
import { authenticate } from '../access/authenticate.ts'
import { sameSecret } from '../kernel/digest.ts'
import { TollgateError } from '../kernel/errors.ts'
import type { Deps, Env } from './env.ts'

export type Access = 'tenant' | 'admin' | 'public'

export const BEARER = /^Bearer +(\S+) *$/i

const unauthorized = (detail: string) => new TollgateError('unauthorized', detail)

export async function admit(c: Context<Env>, deps: Deps, access: Access): Promise<void> {
  if (access === 'tenant') await admitTenant(c, deps)
  else if (access === 'admin') admitAdmin(c, deps)
}

async function admitTenant(c: Context<Env>, deps: Deps): Promise<void> {
  const token = bearer(c, 'your API key: "Authorization: Bearer tg_…"')
  if (deps.keys.hashOf(token) === null && isAdminToken(deps, token)) {
    throw unauthorized(
      'This is the admin token. Send a tenant’s API key here: POST /api/v1/api-keys makes one.',
    )
  }
  const { tenant, keyId } = await authenticate(deps, token)
  c.set('tenant', tenant)
  c.set('keyId', keyId)
}

function admitAdmin(c: Context<Env>, deps: Deps): void {
  if (deps.adminToken === null) {
    throw unauthorized(
      'ADMIN_TOKEN is not set where this Tollgate runs, so nobody has access to this. Set it and restart.',
    )
  }
  const token = bearer(c, 'the admin token: "Authorization: Bearer <ADMIN_TOKEN>"')
  if (isAdminToken(deps, token)) return
  throw unauthorized(
    looksLikeKey(token)
      ? 'This is a tenant’s API key. Send the admin token here, which is ADMIN_TOKEN where this Tollgate runs.'
      : 'This is not the admin token, which is ADMIN_TOKEN where this Tollgate runs.',
  )
}

const isAdminToken = ({ adminToken }: Deps, token: string): boolean =>
  adminToken !== null && sameSecret(adminToken, token)

/** The token that the request came with, once it is admitted. */
export const tokenOf = (c: Context<Env>): string =>
  BEARER.exec(c.req.header('authorization') ?? '')?.[1] ?? ''

function bearer(c: Context<Env>, wanted: string): string {
  const header = c.req.header('authorization')
  if (header === undefined) throw unauthorized(`Send ${wanted}.`)
  const token = BEARER.exec(header)?.[1]
  if (token === undefined)
    throw unauthorized(`The Authorization header is not of the form "Bearer <token>". Send ${wanted}.`)
  return token
}

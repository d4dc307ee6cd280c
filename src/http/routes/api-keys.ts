// API keys, for the operator.

import { z } from 'zod'
import { createKey, noTenant } from '../../access/create-key.ts'
import { KEY_MAX_AGE_MS } from '../../access/key-cache.ts'
import { revokeKey } from '../../access/revoke-key.ts'
import { keyInputSchema } from '../../access/tenant.ts'
import { pageOf, pageRequest } from '../../kernel/page.ts'
import { nothing, reply } from '../reply.ts'
import type { Routes } from '../router.ts'
import { idSchema, pageQuerySchema, pageSchema } from '../schemas.ts'
import { apiKeyJson, apiKeySchema, newApiKeySchema } from './tenants.ts'

const inputSchema = keyInputSchema.meta({ id: 'ApiKeyInput' })
const querySchema = pageQuerySchema.extend({ tenant_id: idSchema.meta({ description: 'Whose keys.' }) })

const LIST = 'api-keys'
const tag = 'Tenants'

export const apiKeyRoutes: Routes = (router, deps) => {
  router.add({
    method: 'post',
    path: '/api/v1/api-keys',
    id: 'createApiKey',
    tag,
    summary: 'Make an API key',
    description:
      'The key itself is in this answer only: store it where your secrets are. A tenant may have several, to replace one without a gap.',
    access: 'admin',
    body: inputSchema,
    showsSecret: true,
    responses: { 201: { description: 'The key, shown this once.', schema: newApiKeySchema } },
    errors: ['not_found'],
    handle: async (c, { body }) => {
      const { key, secret } = await createKey(deps, c.var, body)
      return reply(c, 201, { ...apiKeyJson(key), key: secret })
    },
  })

  router.add({
    method: 'get',
    path: '/api/v1/api-keys',
    id: 'listApiKeys',
    tag,
    summary: 'List a tenant’s API keys',
    description: 'Oldest first, revoked ones too.',
    access: 'admin',
    query: querySchema,
    responses: {
      200: { description: 'A page of keys, without the keys themselves.', schema: pageSchema(apiKeySchema) },
    },
    errors: ['not_found'],
    handle: async (c, { query }) => {
      const page = pageRequest(LIST, query, idSchema)
      const keys = await deps.access.listKeys(query.tenant_id, page)
      if (keys === null) throw noTenant(query.tenant_id)
      const { data, next_cursor } = pageOf(LIST, keys, page.limit, ({ id }) => id)
      return reply(c, 200, { data: data.map(apiKeyJson), next_cursor })
    },
  })

  router.add({
    method: 'delete',
    path: '/api/v1/api-keys/{id}',
    id: 'revokeApiKey',
    tag,
    summary: 'Revoke an API key',
    description: `It stops working at once where this is answered, and everywhere within ${KEY_MAX_AGE_MS / 1_000} seconds. Revoking it again changes nothing.`,
    access: 'admin',
    params: z.strictObject({ id: idSchema }),
    responses: { 204: { description: 'It is revoked.' } },
    errors: ['not_found'],
    handle: async (c, { params }) => {
      await revokeKey(deps, params)
      return nothing(c)
    },
  })
}

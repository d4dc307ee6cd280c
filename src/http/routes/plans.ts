// Plans, and trying a price before it is in one.

import { z } from 'zod'
import { changePlan, noPlan } from '../../billing/change-plan.ts'
import { createPlan } from '../../billing/create-plan.ts'
import { planChangeSchema, planInputSchema, planJson, planSchema } from '../../billing/plan.ts'
import { TollgateError } from '../../kernel/errors.ts'
import { pageOf, pageRequest } from '../../kernel/page.ts'
import { keySchema } from '../../kernel/text.ts'
import { previewPrice, previewResultSchema, previewSchema } from '../../pricing/preview.ts'
import { reply } from '../reply.ts'
import type { Routes } from '../router.ts'
import { pageQuerySchema, pageSchema } from '../schemas.ts'

const LIST = 'plans'
const VERSIONS = 'plan-versions'
const versionText = z.string().regex(/^[1-9]\d{0,8}$/, 'must be the number of a version, from 1')
const tag = 'Plans'
const params = z.strictObject({ key: keySchema.meta({ description: 'The plan’s key.', example: 'default' }) })
const access = 'tenant'

export const planRoutes: Routes = (router, deps) => {
  router.add({
    method: 'post',
    path: '/api/v1/plans',
    id: 'createPlan',
    tag,
    summary: 'Create a plan',
    description: 'Sending the same plan again is answered with the one that there is.',
    access,
    body: planInputSchema,
    responses: {
      201: { description: 'The plan.', schema: planSchema },
      200: { description: 'The same plan was there already.', schema: planSchema },
    },
    errors: ['already_exists'],
    handle: async (c, { body }) => {
      const { plan, isDefault, created } = await createPlan(deps, c.var, body)
      return reply(c, created ? 201 : 200, planJson(plan, isDefault))
    },
  })

  router.add({
    method: 'get',
    path: '/api/v1/plans',
    id: 'listPlans',
    tag,
    summary: 'List plans',
    description: 'In the order of their keys.',
    access,
    query: pageQuerySchema,
    responses: { 200: { description: 'A page of plans.', schema: pageSchema(planSchema) } },
    handle: async (c, { query }) => {
      const page = pageRequest(LIST, query, keySchema)
      const plans = await deps.catalog.listPlans(c.var.tenant.tenantId, page)
      const { data, next_cursor } = pageOf(LIST, plans, page.limit, ({ plan }) => plan.key)
      return reply(c, 200, {
        data: data.map(({ plan, isDefault }) => planJson(plan, isDefault)),
        next_cursor,
      })
    },
  })

  router.add({
    method: 'get',
    path: '/api/v1/plans/{key}',
    id: 'getPlan',
    tag,
    summary: 'Read a plan',
    description: 'Its newest version.',
    access,
    params,
    responses: { 200: { description: 'The plan.', schema: planSchema } },
    errors: ['not_found'],
    handle: async (c, { params }) => {
      const found = await deps.catalog.findPlan(c.var.tenant.tenantId, params.key)
      if (found === null) throw noPlan(params.key)
      return reply(c, 200, planJson(found.plan, found.isDefault))
    },
  })

  router.add({
    method: 'get',
    path: '/api/v1/plans/{key}/versions',
    id: 'listPlanVersions',
    tag,
    summary: 'List the versions of a plan',
    description: 'The newest first. A version never changes.',
    access,
    params,
    query: pageQuerySchema,
    responses: { 200: { description: 'A page of versions.', schema: pageSchema(planSchema) } },
    errors: ['not_found'],
    handle: async (c, { params, query }) => {
      const page = pageRequest(VERSIONS, query, versionText)
      const found = await deps.catalog.listPlanVersions(c.var.tenant.tenantId, params.key, page)
      if (found === null) throw noPlan(params.key)
      const { data, next_cursor } = pageOf(VERSIONS, found, page.limit, ({ plan }) => String(plan.version))
      return reply(c, 200, {
        data: data.map(({ plan, isDefault }) => planJson(plan, isDefault)),
        next_cursor,
      })
    },
  })

  router.add({
    method: 'get',
    path: '/api/v1/plans/{key}/versions/{version}',
    id: 'getPlanVersion',
    tag,
    summary: 'Read a version of a plan',
    description: 'As it was published then: subscriptions may be on it still.',
    access,
    params: params.extend({
      version: versionText
        .transform(Number)
        .meta({ type: 'integer', minimum: 1, maximum: 999_999_999, description: 'Its number.', example: 1 }),
    }),
    responses: { 200: { description: 'The plan as it was published then.', schema: planSchema } },
    errors: ['not_found'],
    handle: async (c, { params }) => {
      const found = await deps.catalog.findPlan(c.var.tenant.tenantId, params.key, params.version)
      if (found === null) {
        throw new TollgateError(
          'not_found',
          `There is no version ${params.version} of a plan "${params.key}".`,
        )
      }
      return reply(c, 200, planJson(found.plan, found.isDefault))
    },
  })

  router.add({
    method: 'patch',
    path: '/api/v1/plans/{key}',
    id: 'changePlan',
    tag,
    summary: 'Change a plan',
    description:
      'What is left out stays as it is; `prices` and `fees` replace them all. New terms are published as the next version: new subscriptions take it, those that there are stay on theirs until they are changed. The currency can’t change.',
    access,
    params,
    body: planChangeSchema,
    responses: { 200: { description: 'The plan.', schema: planSchema } },
    errors: ['not_found', 'meaning_would_change'],
    handle: async (c, { params, body }) => {
      const { plan, isDefault } = await changePlan(deps, c.var, { key: params.key, change: body })
      return reply(c, 200, planJson(plan, isDefault))
    },
  })

  router.add({
    method: 'post',
    path: '/api/v1/prices/preview',
    id: 'previewPrice',
    tag,
    summary: 'Try a price',
    description: 'What a quantity would cost by it. Nothing is stored.',
    access,
    body: previewSchema,
    responses: { 200: { description: 'The amount, and how it comes about.', schema: previewResultSchema } },
    handle: (c, { body }) => reply(c, 200, previewPrice(body)),
  })
}

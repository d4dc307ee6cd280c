// Coupons.

import { z } from 'zod'
import { couponFrom, couponInputSchema, couponJson, couponSchema } from '../../billing/coupon.ts'
import { archiveCoupon, createCoupon, noCoupon } from '../../billing/create-coupon.ts'
import { pageOf, pageRequest } from '../../kernel/page.ts'
import { keySchema } from '../../kernel/text.ts'
import { reply } from '../reply.ts'
import type { Routes } from '../router.ts'
import { pageQuerySchema, pageSchema } from '../schemas.ts'

const LIST = 'coupons'
const tag = 'Subscriptions'
const params = z.strictObject({
  key: keySchema.meta({ description: 'The coupon’s key.', example: 'welcome' }),
})
const access = 'tenant'

export const couponRoutes: Routes = (router, deps) => {
  router.add({
    method: 'post',
    path: '/api/v1/coupons',
    id: 'createCoupon',
    tag,
    summary: 'Create a coupon',
    description: 'Sending the same coupon again is answered with the one that there is.',
    access,
    body: couponInputSchema,
    responses: {
      201: { description: 'The coupon.', schema: couponSchema },
      200: { description: 'The same coupon was there already.', schema: couponSchema },
    },
    errors: ['already_exists'],
    handle: async (c, { body }) => {
      const { coupon, created } = await createCoupon(deps, c.var, couponFrom(body))
      return reply(c, created ? 201 : 200, couponJson(coupon))
    },
  })

  router.add({
    method: 'get',
    path: '/api/v1/coupons',
    id: 'listCoupons',
    tag,
    summary: 'List coupons',
    description: 'In the order of their keys, archived ones too.',
    access,
    query: pageQuerySchema,
    responses: { 200: { description: 'A page of coupons.', schema: pageSchema(couponSchema) } },
    handle: async (c, { query }) => {
      const page = pageRequest(LIST, query, keySchema)
      const found = await deps.coupons.listCoupons(c.var.tenant.tenantId, page)
      const { data, next_cursor } = pageOf(LIST, found, page.limit, ({ key }) => key)
      return reply(c, 200, { data: data.map(couponJson), next_cursor })
    },
  })

  router.add({
    method: 'get',
    path: '/api/v1/coupons/{key}',
    id: 'getCoupon',
    tag,
    summary: 'Read a coupon',
    description: 'Archived ones are found, too.',
    access,
    params,
    responses: { 200: { description: 'The coupon.', schema: couponSchema } },
    errors: ['not_found'],
    handle: async (c, { params }) => {
      const found = await deps.coupons.findCoupon(c.var.tenant.tenantId, params.key)
      if (found === null) throw noCoupon(params.key)
      return reply(c, 200, couponJson(found))
    },
  })

  router.add({
    method: 'post',
    path: '/api/v1/coupons/{key}/archive',
    id: 'archiveCoupon',
    tag,
    summary: 'Archive a coupon',
    description:
      'It is attached to no further subscription. Those that have it keep it. Archiving it again changes nothing.',
    access,
    params,
    responses: { 200: { description: 'The coupon.', schema: couponSchema } },
    errors: ['not_found'],
    handle: async (c, { params }) => reply(c, 200, couponJson(await archiveCoupon(deps, c.var, params))),
  })
}

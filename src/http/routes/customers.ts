// Customers.

import { z } from 'zod'
import { changeCustomer } from '../../access/change-customer.ts'
import { createCustomer } from '../../access/create-customer.ts'
import { type Customer, customerChangeSchema, customerInputSchema } from '../../access/customer.ts'
import { findCustomer } from '../../access/find-customer.ts'
import { listCustomers } from '../../access/list-customers.ts'
import { decimalOutput } from '../../kernel/decimal-schema.ts'
import { pageOf, pageRequest } from '../../kernel/page.ts'
import { customerIdSchema } from '../../metering/event.ts'
import { reply } from '../reply.ts'
import type { Routes } from '../router.ts'
import { instant, pageQuerySchema, pageSchema } from '../schemas.ts'

const customerSchema = z
  .object({
    customer_id: z.string().meta({ example: 'cust_42' }),
    name: z.string().nullable().meta({ example: 'Globex' }),
    email: z.string().nullable().meta({ example: 'billing@globex.example' }),
    plan: z
      .string()
      .nullable()
      .meta({ description: 'Key of its plan; null: the default plan.', example: null }),
    metadata: z.record(z.string(), z.string()).meta({ example: { crm_id: '4711' } }),
    tax_rates: z
      .array(z.object({ name: z.string(), percent: decimalOutput() }).meta({ id: 'AppliedTaxRate' }))
      .meta({ description: 'What its invoices add.', example: [{ name: 'VAT', percent: '19' }] }),
    created_at: instant('When it was created; null: it is known by its usage alone.').nullable(),
    updated_at: instant('When it was last changed.').nullable(),
  })
  .meta({ id: 'Customer' })

const customerJson = (customer: Customer): z.input<typeof customerSchema> => ({
  customer_id: customer.customerId,
  name: customer.name,
  email: customer.email,
  plan: customer.plan,
  metadata: customer.metadata,
  tax_rates: customer.taxRates,
  created_at: customer.createdAt?.toISOString() ?? null,
  updated_at: customer.updatedAt?.toISOString() ?? null,
})

const bodies = {
  create: customerInputSchema.meta({ id: 'CustomerInput' }),
  change: customerChangeSchema.meta({ id: 'CustomerChange' }),
}

const LIST = 'customers'
const tag = 'Customers'
const params = z.strictObject({ customer_id: customerIdSchema })
const access = 'tenant'

export const customerRoutes: Routes = (router, deps) => {
  router.add({
    method: 'post',
    path: '/api/v1/customers',
    id: 'createCustomer',
    tag,
    summary: 'Create a customer',
    description:
      'A customer is billed without this too: it is for a name, a plan and notes. Sending the same customer again is answered with the one that there is.',
    access,
    body: bodies.create,
    responses: {
      201: { description: 'The customer.', schema: customerSchema },
      200: { description: 'The same customer was there already.', schema: customerSchema },
    },
    errors: ['already_exists'],
    handle: async (c, { body }) => {
      const { customer, created } = await createCustomer(deps, c.var, body)
      return reply(c, created ? 201 : 200, customerJson(customer))
    },
  })

  router.add({
    method: 'get',
    path: '/api/v1/customers',
    id: 'listCustomers',
    tag,
    summary: 'List customers',
    description:
      'Created ones, and those that only their usage knows, in the byte order of their ids (UTF-8).',
    access,
    query: pageQuerySchema,
    responses: { 200: { description: 'A page of customers.', schema: pageSchema(customerSchema) } },
    handle: async (c, { query }) => {
      const page = pageRequest(LIST, query, customerIdSchema)
      const customers = await listCustomers(deps, c.var, page)
      const { data, next_cursor } = pageOf(LIST, customers, page.limit, ({ customerId }) => customerId)
      return reply(c, 200, { data: data.map(customerJson), next_cursor })
    },
  })

  router.add({
    method: 'get',
    path: '/api/v1/customers/{customer_id}',
    id: 'getCustomer',
    tag,
    summary: 'Read a customer',
    description:
      'One that was never created is found by its usage; of one of whom nothing is known, its id may be mistyped.',
    access,
    params,
    responses: { 200: { description: 'The customer.', schema: customerSchema } },
    errors: ['not_found'],
    handle: async (c, { params }) =>
      reply(c, 200, customerJson(await findCustomer(deps, c.var, { customerId: params.customer_id }))),
  })

  router.add({
    method: 'patch',
    path: '/api/v1/customers/{customer_id}',
    id: 'changeCustomer',
    tag,
    summary: 'Change a customer',
    description: 'What is left out stays as it is. One that only its usage knows is created by this.',
    access,
    params,
    body: bodies.change,
    responses: { 200: { description: 'The customer.', schema: customerSchema } },
    errors: ['not_found'],
    handle: async (c, { params, body }) =>
      reply(
        c,
        200,
        customerJson(await changeCustomer(deps, c.var, { customerId: params.customer_id, change: body })),
      ),
  })
}

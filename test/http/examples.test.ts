// The examples of the OpenAPI document, sent as they stand there.

import { afterAll, beforeAll, expect, it } from 'vitest'
import { bodyExamples } from '../../src/http/document/body-examples.ts'
import { type Call, caller, newTenant, openServer, type Server, type TestTenant } from './harness.ts'
import { settle } from './settling.ts'

type Examples = Record<string, { examples?: Record<string, { value: unknown }> }>
type Parameter = {
  name: string
  in: string
  required?: boolean
  example?: unknown
  schema?: { example?: unknown }
}
type Operation = { operationId: string; requestBody?: { content: Examples }; parameters?: Parameter[] }

const OPERATORS = [
  'createTenant',
  'changeTenant',
  'openPartition',
  'changePartition',
  'moveTenant',
  'createApiKey',
]

let server: Server
let tenant: TestTenant
let admin: Call
let operations: { path: string; method: string; operation: Operation }[]

beforeAll(async () => {
  server = await openServer()
  tenant = await newTenant(server)
  admin = caller(server, server.adminToken)
  const { body } = await caller(server, null)('GET', '/openapi.json')
  operations = Object.entries<Record<string, Operation>>(body.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  )
})
afterAll(() => server?.close())

it('every request body has an example, for each of its media types', () => {
  const withBody = operations.filter(({ operation }) => operation.requestBody)
  for (const { operation } of withBody) {
    for (const [type, { examples = {} }] of Object.entries(operation.requestBody!.content))
      expect(Object.keys(examples).length, `${operation.operationId}, ${type}`).toBeGreaterThan(0)
  }
  expect(Object.keys(bodyExamples).sort()).toEqual(
    withBody.map(({ operation }) => operation.operationId).sort(),
  )
})

it('each example succeeds, in the order in which they tell their story', async () => {
  const ids: Record<string, string> = { subscriptions: '', invoices: '' }
  const event = 'req_8f14e45f'
  const pathOf = (path: string): string => {
    const noun = path.split('/')[3]!
    // One that is not being revised already.
    const meters = path.endsWith('/replay') ? 'api_calls' : 'tokens'
    const named = {
      meters,
      plans: 'pro',
      customers: 'cust_42',
      tenants: tenant.id,
      events: event,
      ...ids,
    }[noun]
    return path.replace(/\{\w+\}/, named ?? '')
  }
  const queryOf = ({ parameters = [] }: Operation): string =>
    new URLSearchParams(
      parameters
        .filter((one) => one.in === 'query' && one.required)
        .map(({ name, example, schema }) => [name, String(example ?? schema?.example)]),
    ).toString()
  for (const id of Object.keys(bodyExamples)) {
    // What is corrected by a filter has to be settled.
    if (id === 'amendEvent') await settle(server)
    const { path, method, operation } = operations.find((one) => one.operation.operationId === id)!
    const call = OPERATORS.includes(id) ? admin : tenant.call
    for (const [type, { examples = {} }] of Object.entries(operation.requestBody!.content)) {
      for (const [name, { value }] of Object.entries(examples)) {
        // Of all that stands in the examples, only the tenant's id is another one each time.
        const body = id === 'createApiKey' ? { ...(value as object), tenant_id: tenant.id } : value
        const answer = await call(method, `${pathOf(path)}?${queryOf(operation)}`, body, {
          'content-type': type,
        })
        expect(answer.status, `${id}, ${name}: ${JSON.stringify(answer.body)}`).toBeLessThan(300)
        if (id === 'openPartition') ids.partitions = String(answer.body.id)
        if (id === 'createSubscription') ids.subscriptions = answer.body.id
      }
    }
    if (id === 'createSubscription') {
      const { body } = await tenant.call('GET', '/api/v1/invoices?status=issued')
      ids.invoices = body.data[0].id
    }
  }
})

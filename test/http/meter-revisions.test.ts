import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { day, issueDue } from './billing-tenant.ts'
import { type Call, errorsOf, newTenant, openInProcess, openServer, type Server } from './harness.ts'
import { aroundNow, hours, settleAndFill } from './settling.ts'

let server: Server
/** Of these tests alone: whatever is said while a meter is filled is said before others' flushes fill it. */
let own: Server
beforeAll(async () => {
  server = await openServer()
  own = await openInProcess()
})
afterAll(() => Promise.all([server, own].map((one) => one?.close())))

const tokens = { key: 'tokens', resource_type: 'completion', aggregation: 'sum', value: 'input' }
const completion = (ago: number, input: number, output: number, model: string) => ({
  customer_id: 'c',
  resource_type: 'completion',
  timestamp: hours(ago),
  properties: { input, output, model },
})
const revision = { from: hours(2), value: 'output', group_by: ['model'] }

const path = '/api/v1/meters/tokens'

/** Three hours ago 10 in and 1 out; an hour ago 20 in and 5 out by a small model, and 40 in and 7 out by a large one. */
async function counted(call: Call): Promise<void> {
  await call('POST', '/api/v1/meters', tokens)
  await call('POST', '/api/v1/usage', [
    completion(3, 10, 1, 'small'),
    completion(1, 20, 5, 'small'),
    completion(1, 40, 7, 'large'),
  ])
}

describe('a revision of a meter', () => {
  it('is filled beside it, and then every read takes hours from its instant on from it', async () => {
    const { call } = await newTenant(own)
    await counted(call)
    const prices = [{ meter: 'tokens', price: { model: 'per_unit', unit_amount: '1' } }]
    await call('POST', '/api/v1/plans', { key: 'pro', currency: 'USD', prices })
    await call('POST', '/api/v1/customers', { customer_id: 'c', plan: 'pro' })
    const read = async () => {
      const usage = await call('GET', `/api/v1/usage?meter=tokens&${aroundNow()}`)
      const bill = await call('GET', `/api/v1/billing/c?${aroundNow()}`)
      const preview = { customer_id: 'c', plan: 'pro', start: hours(24) }
      return {
        usage: usage.body.data.map(({ quantity }: { quantity: string }) => quantity),
        bill: bill.body.total,
        invoice: (await call('POST', '/api/v1/invoices/preview', preview)).body.subtotal,
        incomplete: [usage.body.incomplete, bill.body.incomplete],
      }
    }
    const before = { usage: ['70'], bill: '70.00', invoice: '70.00', incomplete: [false, false] }
    expect(await read()).toEqual(before)
    const made = await call('POST', `${path}/revisions`, revision)
    expect(made).toMatchObject({
      status: 201,
      body: { number: 1, state: 'filling', ...revision, to: null, filter: [], switched_at: null },
    })
    expect((await call('GET', path)).body).toMatchObject({ value: 'input', revision: made.body })
    expect((await call('GET', '/api/v1/meters')).body.data[0].revision).toEqual(made.body)
    expect(await read()).toEqual(before)
    // The same again is the one that there is; another one has to wait.
    expect((await call('POST', `${path}/revisions`, revision)).status).toBe(200)
    expect(await call('POST', `${path}/replay`, { from: hours(2) })).toMatchObject({
      status: 409,
      body: { code: 'state_conflict' },
    })
    await settleAndFill(own)
    expect(await read()).toEqual({ ...before, usage: ['22'], bill: '22.00', invoice: '22.00' })
    expect((await call('GET', path)).body).toMatchObject({
      ...{ value: 'output', group_by: ['model'], counts_from: null, revision: null },
    })
    const grouped = await call('GET', `/api/v1/usage?meter=tokens&group_by=model&${aroundNow()}`)
    expect(
      grouped.body.data.map(({ group, quantity }: Record<string, unknown>) => [group, quantity]),
    ).toEqual(
      expect.arrayContaining([
        [{ model: null }, '10'],
        [{ model: 'large' }, '7'],
        [{ model: 'small' }, '5'],
      ]),
    )
    // … what comes, too, whichever hour it is of; and it is the same again, by the meter as it is or as it was made.
    await call('POST', '/api/v1/usage', [completion(3, 100, 1, 'small'), completion(1, 1, 200, 'large')])
    expect(await read()).toMatchObject({ usage: ['322'], bill: '322.00' })
    expect((await call('POST', `${path}/revisions`, revision)).status).toBe(200)
    const again = await call('POST', '/api/v1/meters', { ...tokens, value: 'output', group_by: ['model'] })
    expect(again.status).toBe(200)
    expect((await call('POST', '/api/v1/meters', tokens)).status).toBe(409)
    const { data } = (await call('GET', `${path}/revisions`)).body
    expect(data).toMatchObject([
      { number: 0, state: 'replaced', from: 'beginning', to: hours(2), value: 'input' },
      { number: 1, state: 'current', from: hours(2), to: null, filling: null, value: 'output' },
    ])
  })

  it('is what an event and a line say', async () => {
    const { call } = await newTenant(server)
    await counted(call)
    const prices = [{ meter: 'tokens', price: { model: 'per_unit', unit_amount: '1' } }]
    await call('POST', '/api/v1/plans', { key: 'pro', currency: 'USD', prices })
    await call('POST', `${path}/revisions`, revision)
    await settleAndFill(server)
    const made = await call('POST', '/api/v1/subscriptions', {
      customer_id: 'c',
      plan: 'pro',
      start: hours(5),
    })
    expect(made.status).toBe(201)
    const { body } = await call('GET', '/api/v1/invoices?customer_id=c')
    const events = await call('GET', `/api/v1/invoices/${body.data[0].id}/lines/1/events`)
    expect(events.body.data).toHaveLength(3)
    expect(events.body.data.map(({ meters }: { meters: unknown[] }) => meters)).toEqual(
      expect.arrayContaining([
        [expect.objectContaining({ key: 'tokens', value: '7', group: { model: 'large' } })],
        [expect.objectContaining({ key: 'tokens', value: '5', group: { model: 'small' } })],
        [expect.objectContaining({ key: 'tokens', value: '10', group: {} })],
      ]),
    )
    const invoice = await call('GET', `/api/v1/invoices/${body.data[0].id}`)
    expect(invoice.body.lines[0]).toMatchObject({ quantity: '22' })
    const usage = await call('GET', `/api/v1/invoices/${body.data[0].id}/lines/1/usage`)
    expect(usage.body.data.map(({ quantity }: { quantity: string }) => quantity)).toEqual(['10', '12'])
  })

  it('is what the next invoice adjusts those by that were issued', async () => {
    const { call } = await newTenant(server)
    await call('POST', '/api/v1/meters', tokens)
    const prices = [{ meter: 'tokens', price: { model: 'per_unit', unit_amount: '1' } }]
    await call('POST', '/api/v1/plans', { key: 'daily', currency: 'USD', interval: 'day', prices })
    await call('POST', '/api/v1/subscriptions', { customer_id: 'c', plan: 'daily', start: day(-2) })
    await call('POST', '/api/v1/usage', { ...completion(0, 10, 3, 'small'), timestamp: day(-2, 5) })
    await issueDue(server)
    await call('POST', `${path}/revisions`, { ...revision, from: day(-2) })
    await settleAndFill(server)
    const { body } = await call('GET', '/api/v1/invoices?status=draft')
    const draft = await call('GET', `/api/v1/invoices/${body.data[0].id}`)
    expect(draft.body.lines).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ kind: 'adjustment', meter: 'tokens', quantity: '-7', amount: '-7.00' }),
      ]),
    )
  })

  it('is cancelled while it is filled, and not after', async () => {
    const { call } = await newTenant(own)
    await counted(call)
    await call('POST', `${path}/revisions`, revision)
    const cancel = (number: unknown) => call('POST', `${path}/revisions/${number}/cancel`)
    expect(await cancel(1)).toMatchObject({ status: 200, body: { state: 'cancelled' } })
    expect((await cancel(1)).status).toBe(200)
    expect((await cancel(2)).status).toBe(404)
    expect(errorsOf(await cancel('x'))).toEqual([
      'number: must be the number of a revision, from 1 (sent: "x")',
    ])
    expect((await call('GET', path)).body.revision).toBeNull()
    await call('POST', `${path}/replay`, { from: hours(2) })
    await settleAndFill(own)
    expect(await cancel(2)).toMatchObject({ status: 409, body: { code: 'state_conflict' } })
    expect((await call('GET', `/api/v1/usage?meter=tokens&${aroundNow()}`)).body.data).toMatchObject([
      { quantity: '70' },
    ])
    await call('POST', `${path}/revisions`, revision)
    expect((await call('POST', `${path}/archive`)).body).toMatchObject({ revision: null, value: 'input' })
    expect(await call('POST', `${path}/replay`, { from: hours(2) })).toMatchObject({ status: 409 })
    const { data } = (await call('GET', `${path}/revisions`)).body
    expect(data.map(({ state }: { state: string }) => state)).toEqual([
      ...['replaced', 'cancelled', 'current', 'cancelled'],
    ])
  })

  it('is named by its meter’s key in what a correction changes', async () => {
    const { call } = await newTenant(server)
    await call('POST', '/api/v1/meters', tokens)
    await call('POST', '/api/v1/usage', { ...completion(1, 20, 5, 'small'), id: 'e1' })
    await settleAndFill(server)
    await call('POST', `${path}/revisions`, revision)
    await settleAndFill(server)
    const { body } = await call('POST', '/api/v1/events/e1/void', { reason: 'wrong' })
    const effect = body.effect.map(({ meter, quantity }: Record<string, unknown>) => [meter, quantity])
    expect(effect.sort()).toEqual([
      ['tokens', '-20'],
      ['tokens', '-5'],
    ])
  })

  it('can’t count anew what was erased: it is refused, and cancelled if it was being filled', async () => {
    const { call } = await newTenant(own)
    await counted(call)
    await settleAndFill(own)
    expect((await call('POST', `${path}/revisions`, revision)).status).toBe(201)
    expect((await call('DELETE', '/api/v1/customers/c/events')).status).toBe(202)
    await settleAndFill(own)
    const { data } = (await call('GET', `${path}/revisions`)).body
    expect(data.map(({ state }: { state: string }) => state)).toEqual(['current', 'cancelled'])
    for (const [name, body] of Object.entries({ revisions: revision, replay: { from: hours(2) } }))
      expect(await call('POST', `${path}/${name}`, body)).toMatchObject({
        status: 409,
        body: { code: 'events_erased', detail: expect.stringContaining('the customer "c"') },
      })
    expect((await call('GET', `/api/v1/usage?meter=tokens&${aroundNow()}`)).body.data).toMatchObject([
      { quantity: '70' },
    ])
  })

  it.each([
    [{ ...revision, aggregation: 'max' }, 409, '#/aggregation: is "sum", and can’t be revised'],
    [{ ...revision, resource_type: 'x' }, 409, '#/resource_type: is "completion", and can’t be revised'],
    [{ from: hours(2) }, 422, '#: has nothing that is another than in the meter'],
    [{ from: hours(2), value: 'input' }, 422, '#: has nothing that is another than in the meter'],
    [{ value: 'output' }, 422, expect.stringMatching(/^#\/from/)],
    [
      { ...revision, from: '2026-11-01T10:30:00Z' },
      422,
      expect.stringMatching(/^#\/from: must be the beginning/),
    ],
    [{ ...revision, from: null }, 422, expect.stringMatching(/^#\/from/)],
    [{ ...revision, key: 'x' }, 422, expect.stringMatching(/must not have "key": a revision has from/)],
    [{ from: hours(2), value: 'quantity', missing: 'skip' }, 422, expect.stringMatching(/^#\/missing/)],
  ])('can’t be %j', async (body, status, wrong) => {
    const { call } = await newTenant(server)
    await call('POST', '/api/v1/meters', tokens)
    const answer = await call('POST', `${path}/revisions`, body)
    expect(answer.status).toBe(status)
    expect(errorsOf(answer)).toEqual([wrong])
  })

  it('keeps what prices go by, begins no earlier than its meter, and leaves a gauge’s level whole', async () => {
    const { call } = await newTenant(server)
    const group = { match: { model: 'large' }, price: { model: 'per_unit', unit_amount: '2' } }
    await call('POST', '/api/v1/meters', { ...tokens, group_by: ['model', 'region'] })
    await call('POST', '/api/v1/plans', {
      key: 'p',
      currency: 'USD',
      prices: [{ meter: 'tokens', groups: [group] }],
    })
    await call('POST', '/api/v1/plans', {
      key: 'q',
      currency: 'USD',
      prices: [{ meter: 'tokens', price: group.price }],
    })
    await call('POST', '/api/v1/subscriptions', {
      ...{ customer_id: 'c', plan: 'q' },
      overrides: [{ meter: 'tokens', groups: [{ ...group, match: { region: 'eu' } }] }],
    })
    const dropped = await call('POST', `${path}/revisions`, { ...revision, group_by: ['x'] })
    expect(errorsOf(dropped)).toEqual(['#/group_by: must hold "model", "region", which prices go by'])
    const wider = await call('POST', `${path}/revisions`, { ...revision, group_by: ['region', 'x', 'model'] })
    expect(wider.status).toBe(201)

    const late = { key: 'late', resource_type: 'call', aggregation: 'count', counts_from: hours(3) }
    await call('POST', '/api/v1/meters', late)
    expect(errorsOf(await call('POST', '/api/v1/meters/late/replay', { from: hours(4) }))).toEqual([
      `#/from: must not be before ${hours(3)}, from when on the meter counts`,
    ])
    const gauge = { key: 'gauge', resource_type: 'disk', aggregation: 'weighted_sum', group_by: ['zone'] }
    await call('POST', '/api/v1/meters', gauge)
    const other = { value: 'gb', filter: [{ property: 'a', op: 'eq', value: 'b' }], group_by: ['x'] }
    const refused = await call('POST', '/api/v1/meters/gauge/revisions', { from: hours(2), ...other })
    expect(errorsOf(refused).map((error) => error.split(':')[0])).toEqual([
      '#/value',
      '#/filter',
      '#/group_by',
    ])
    const whole = await call('POST', '/api/v1/meters/gauge/revisions', { from: 'beginning', ...other })
    expect(whole.status).toBe(201)
  })
})

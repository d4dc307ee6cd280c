import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { errorsOf, newTenant, openInProcess, openServer, type Server } from './harness.ts'
import { aroundNow, hours, settleAndFill } from './settling.ts'

let server: Server
/** Of these tests alone: whatever is said while a meter is filled is said before others' flushes fill it. */
let own: Server
beforeAll(async () => {
  server = await openServer()
  own = await openInProcess()
})
afterAll(() => Promise.all([server, own].map((one) => one?.close())))

const all = { key: 'all', resource_type: 'call', aggregation: 'count' }
const late = { key: 'late', resource_type: 'call', aggregation: 'sum', counts_from: 'beginning' }
const call42 = (more = {}) => ({
  customer_id: 'c',
  resource_type: 'call',
  quantity: '2',
  timestamp: hours(1),
  ...more,
})

describe('a meter that reaches back', () => {
  it('is filled from the log, and everything that reads it says so meanwhile', async () => {
    const { call } = await newTenant(own)
    await call('POST', '/api/v1/meters', all)
    await call('POST', '/api/v1/usage', [call42({ timestamp: hours(3) }), call42()])
    const made = await call('POST', '/api/v1/meters', late)
    expect(made).toMatchObject({
      status: 201,
      body: { counts_from: 'beginning', filling: { done: 0, of: 0 } },
    })
    const read = async () => ({
      meter: (await call('GET', '/api/v1/meters/late')).body.filling,
      usage: (await call('GET', `/api/v1/usage?meter=late&${aroundNow()}`)).body,
      other: (await call('GET', `/api/v1/usage?meter=all&${aroundNow()}`)).body.incomplete,
    })
    expect(await read()).toMatchObject({ usage: { data: [], incomplete: true }, other: false })
    await settleAndFill(own)
    expect(await read()).toMatchObject({
      meter: null,
      usage: { data: [{ quantity: '4' }], incomplete: false },
      other: false,
    })
    await call('POST', '/api/v1/usage', call42())
    expect(await read()).toMatchObject({ usage: { data: [{ quantity: '6' }], incomplete: false } })
  })

  it('is in bills and drafts of invoices, which are incomplete meanwhile', async () => {
    const { call } = await newTenant(own)
    await call('POST', '/api/v1/meters', all)
    await call('POST', '/api/v1/usage', call42())
    await call('POST', '/api/v1/meters', late)
    const prices = [{ meter: 'late', price: { model: 'per_unit', unit_amount: '1' } }]
    expect(
      (await call('POST', '/api/v1/plans', { key: 'late', currency: 'USD', prices })).body,
    ).toMatchObject({ key: 'late' })
    const bill = async () => (await call('GET', `/api/v1/billing/c?${aroundNow()}`)).body
    const preview = async () =>
      (await call('POST', '/api/v1/invoices/preview', { customer_id: 'c', plan: 'late', start: hours(24) }))
        .body
    // The bill is by the default plan, which prices nothing; nothing of `late` is in it yet.
    expect(await bill()).toMatchObject({ incomplete: false })
    expect(await preview()).toMatchObject({ incomplete: true, subtotal: '0.00' })
    await call('POST', '/api/v1/customers', { customer_id: 'c', plan: 'late' })
    expect(await bill()).toMatchObject({ incomplete: true, total: '0.00' })
    await settleAndFill(own)
    expect(await bill()).toMatchObject({ incomplete: false, total: '2.00' })
    expect(await preview()).toMatchObject({ incomplete: false, subtotal: '2.00' })
  })

  it.each([
    [
      '2026-11-01T10:30:00Z',
      'UTC',
      '#/counts_from: must be the beginning of an hour in UTC, as usage is kept by the hour: "2026-11-01T10:00:00.000Z" or "2026-11-01T11:00:00.000Z"',
    ],
    [
      '2026-11-01T10:00:00Z',
      'Asia/Kolkata',
      '#/counts_from: must be the beginning of an hour in Asia/Kolkata, as usage is kept by the hour: "2026-11-01T09:30:00.000Z" or "2026-11-01T10:30:00.000Z"',
    ],
    ['yesterday', 'UTC', expect.stringContaining('#/counts_from: must be an RFC 3339 time')],
    [7, 'UTC', expect.stringContaining('#/counts_from: must be an RFC 3339 time')],
  ])('can’t count from %s in %s', async (counts_from, timezone, wrong) => {
    const { call } = await newTenant(server, { timezone })
    const answer = await call('POST', '/api/v1/meters', { ...late, counts_from })
    expect(answer).toMatchObject({ status: 422, body: { code: 'validation_failed' } })
    expect(errorsOf(answer)).toEqual([wrong])
  })

  it('counts from a date’s midnight in its zone, is the same again, and never counts from elsewhere', async () => {
    const { call } = await newTenant(server, { timezone: 'Asia/Kolkata' })
    const dated = { ...late, counts_from: '2026-11-01' }
    const made = await call('POST', '/api/v1/meters', dated)
    expect(made.body.counts_from).toBe('2026-10-31T18:30:00.000Z')
    expect((await call('POST', '/api/v1/meters', dated)).status).toBe(200)
    expect(errorsOf(await call('POST', '/api/v1/meters', late))).toEqual([
      '#/counts_from: is "2026-10-31T18:30:00.000Z" there, not "beginning"',
    ])
    const { created_at, archived_at, filling, revision, ...back } = made.body
    expect((await call('PATCH', '/api/v1/meters/late', { ...back, name: 'Late' })).status).toBe(200)
    const moved = await call('PATCH', '/api/v1/meters/late', { counts_from: null })
    expect(moved).toMatchObject({ status: 409, body: { code: 'meaning_would_change' } })
  })
})

// An example of each request body, by operation and media type. They tell one story, from the first tenant to a credit note, and
// the tests send them in its order. Without times: an example should work on any day.

import { JSON_TYPE } from '../body.ts'

type Example = { summary: string; value: unknown }
/** By name, by media type. */
type Examples = Record<string, Record<string, Example>>

const json = (examples: Record<string, Example>): Examples => ({ [JSON_TYPE]: examples })
const one = (summary: string, value: unknown): Examples => json({ example: { summary, value } })

const graduated = {
  model: 'graduated',
  tiers: [
    { up_to: '1000', unit_amount: '0.01' },
    { up_to: null, unit_amount: '0.005' },
  ],
}
const event = { id: 'req_8f14e45f', customer_id: 'cust_42', resource_type: 'api_call', quantity: '100' }
const completion = {
  id: 'req_c9f0f895',
  customer_id: 'cust_42',
  resource_type: 'completion',
  properties: { tokens: '1200', model: 'large' },
}
const cloudEvent = {
  specversion: '1.0',
  id: 'A234-1234-1234',
  source: '/my-service',
  type: 'completion',
  subject: 'cust_42',
  data: { tokens: '800', model: 'small' },
}
const change = { plan: 'pro', when: 'now' }

/** By operation. */
export const bodyExamples: Record<string, Examples> = {
  createTenant: one('A business in Berlin', {
    name: 'Acme Inc.',
    timezone: 'Europe/Berlin',
    currency: 'EUR',
  }),
  changeTenant: json({
    name: { summary: 'Another name', value: { name: 'Acme GmbH' } },
    events: { summary: 'Keep its events for 400 days', value: { event_log_days: 400 } },
    ids: { summary: 'Take retries for three days', value: { dedupe_window_hours: 72 } },
  }),
  openPartition: one('One more in the database that there is', { database: 'main' }),
  changePartition: one('For the tenants that it has', { state: 'closed' }),
  moveTenant: one('To the first partition', { partitions: [0] }),
  createApiKey: one('A key for production', {
    tenant_id: '0b9f6a0e-4c1d-4f7e-9d55-0d8f3a0a8f11',
    name: 'production',
  }),
  changeSettings: one('Send now, meter later', { unmetered: 'keep' }),
  createMeter: json({
    calls: {
      summary: 'Calls, by their quantity',
      value: { key: 'api_calls', name: 'API calls', resource_type: 'api_call', aggregation: 'sum' },
    },
    tokens: {
      summary: 'Tokens, by a property, apart by model',
      value: {
        key: 'tokens',
        name: 'Tokens',
        resource_type: 'completion',
        aggregation: 'sum',
        value: 'tokens',
        group_by: ['model'],
      },
    },
    dryRun: {
      summary: 'What the next one would count, before it is made',
      value: {
        key: 'regional_calls',
        resource_type: 'api_call',
        aggregation: 'count',
        group_by: ['region'],
        counts_from: 'beginning',
        dry_run: true,
      },
    },
    reachingBack: {
      summary: 'Calls by customer’s region, of all events that the log has',
      value: {
        key: 'regional_calls',
        name: 'Calls by region',
        resource_type: 'api_call',
        aggregation: 'count',
        group_by: ['region'],
        counts_from: 'beginning',
      },
    },
  }),
  reviseMeter: json({
    dryRun: {
      summary: 'Whose bills would come to something else?',
      value: { from: 'beginning', group_by: ['model', 'tier'], dry_run: true },
    },
    revise: {
      summary: 'Apart by tier, too, in all hours',
      value: { from: 'beginning', group_by: ['model', 'tier'] },
    },
  }),
  replayMeter: json({
    dryRun: { summary: 'What would that change?', value: { from: 'beginning', dry_run: true } },
    replay: { summary: 'All hours', value: { from: 'beginning' } },
  }),
  changeMeter: one('Another name', { name: 'AI tokens' }),
  previewPrice: one('1,500 units by tiers', { currency: 'EUR', price: graduated, quantity: '1500' }),
  createPlan: one('A base fee, calls by tiers, tokens by model', {
    key: 'pro',
    name: 'Pro',
    currency: 'EUR',
    prices: [
      { meter: 'api_calls', price: graduated },
      {
        meter: 'tokens',
        price: { model: 'per_unit', unit_amount: '0.000002' },
        groups: [{ match: { model: 'large' }, price: { model: 'per_unit', unit_amount: '0.00001' } }],
      },
    ],
    fees: [{ key: 'base', name: 'Base fee', amount: '49' }],
  }),
  changePlan: one('A higher base fee, as the next version', {
    fees: [{ key: 'base', name: 'Base fee', amount: '59' }],
  }),
  createCustomer: one('A customer with an address and a tax', {
    customer_id: 'cust_42',
    name: 'Globex',
    email: 'billing@globex.example',
    metadata: { crm_id: '4711' },
    tax_rates: [{ name: 'VAT', percent: '19' }],
  }),
  changeCustomer: one('Another address, and a note taken away', {
    email: 'accounts@globex.example',
    metadata: { crm_id: null },
  }),
  createCoupon: one('15 % off the first three invoices', {
    key: 'welcome',
    name: 'Welcome',
    percent_off: '15',
    duration: 'periods',
    periods: 3,
  }),
  recordUsage: {
    ...json({
      event: { summary: 'One event', value: event },
      batch: { summary: 'A batch; what was sent before is a duplicate', value: [event, completion] },
    }),
    'application/cloudevents+json': { event: { summary: 'A CloudEvent', value: cloudEvent } },
    'application/cloudevents-batch+json': {
      batch: {
        summary: 'A batch of CloudEvents',
        value: [cloudEvent, { ...cloudEvent, id: 'A234-1234-1235' }],
      },
    },
  },
  previewInvoice: one('Before it is made', { customer_id: 'cust_42', plan: 'pro' }),
  createSubscription: one('From now on, with a coupon', {
    customer_id: 'cust_42',
    plan: 'pro',
    version: 1,
    anchor: 'anniversary',
    coupons: ['welcome'],
  }),
  previewSubscriptionChange: one('To the newest version, now', change),
  changeSubscription: one('To the newest version, now', change),
  cancelSubscription: one('When the current period ends', { when: 'period_end' }),
  replayPlan: one('What a month would have cost on it', { plan: 'pro', period: '2026-10' }),
  grantCredit: one('Paid ahead', {
    customer_id: 'cust_42',
    name: 'Prepaid',
    amount: '500',
    currency: 'EUR',
  }),
  createCreditNote: one('A part of it', { amount: '12.50', reason: 'Outage on Tuesday' }),
  importEvents: {
    'application/x-ndjson': {
      events: {
        summary: 'What was used before Tollgate was',
        value: [
          { ...event, id: 'old_1', timestamp: '2026-10-05T12:00:00Z' },
          { ...completion, id: 'old_2', timestamp: '2026-10-05T12:00:01Z' },
        ]
          .map((one) => JSON.stringify(one))
          .join('\n'),
      },
    },
    'text/csv': {
      events: {
        summary: 'The same with columns; properties have their name behind `properties.`',
        value: [
          'id,customer_id,resource_type,quantity,timestamp,properties.tokens,properties.model',
          'old_3,cust_42,api_call,100,2026-10-06T12:00:00Z,,',
          'old_4,cust_42,completion,,2026-10-06T12:00:01Z,1200,large',
        ].join('\n'),
      },
    },
  },
  export: json({
    events: {
      summary: 'Events of a customer, to be imported elsewhere',
      value: { what: 'events', format: 'ndjson', filter: { customer_id: 'cust_42' } },
    },
    usage: {
      summary: 'This month by day, for a spreadsheet',
      value: { what: 'usage', format: 'csv', filter: { window: 'day' } },
    },
    invoices: {
      summary: 'Lines of invoices, for a warehouse',
      value: { what: 'invoices', format: 'parquet' },
    },
  }),
  amendEvent: one('It was half of that', { quantity: '50', reason: 'measured twice' }),
  createCorrection: json({
    amend: {
      summary: 'Another model was used than was sent',
      value: {
        filter: {
          customer_id: 'cust_42',
          resource_type: 'completion',
          from: '2026-01-01',
          to: '2036-01-01',
          properties: { model: 'large' },
        },
        action: 'amend',
        set: { properties: { model: 'small' } },
        reason: 'the gateway fell back to the small one',
      },
    },
  }),
  voidEvent: one('It was sent by mistake', { reason: 'a test run' }),
}

import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { makeKey } from '../../src/access/api-key.ts'
import { newKey as keyFrom } from '../../src/access/create-key.ts'
import type { CustomerChange, TaxRate } from '../../src/access/customer.ts'
import { type AccessStore, KEYS_PER_TENANT, type TenantPatch } from '../../src/access/ports.ts'
import { changePlan } from '../../src/billing/change-plan.ts'
import { type CatalogStore, type NewPlan, PLANS_PER_TENANT } from '../../src/billing/ports.ts'
import { onlyPrices, type Terms } from '../../src/billing/terms.ts'
import { sha256Hex } from '../../src/kernel/digest.ts'
import { newId, newShortId } from '../../src/kernel/ids.ts'
import type { PageRequest } from '../../src/kernel/page.ts'
import { METERS_PER_RESOURCE_TYPE, METERS_PER_TENANT } from '../../src/metering/limits.ts'
import type { NewMeter } from '../../src/metering/meter-input.ts'
import { rows } from '../../src/stores/postgres/db.ts'
import { postgresAccess, postgresCatalog } from '../../src/stores/postgres/stores.ts'
import { type PostgresBackend, postgresBackends } from '../support/postgres.ts'

const newKey = (name: string) => keyFrom(name, { newId })
const meter = (more: Partial<NewMeter> = {}): NewMeter => ({
  id: newShortId(newId),
  key: 'calls',
  name: null,
  resourceType: 'call',
  aggregation: 'sum',
  value: 'quantity',
  groupBy: ['region', 'a "quoted" one'],
  missing: 'skip',
  countsFromMs: null,
  filter: [
    { property: "$['a b'].kind", op: 'in', value: ['x "y"', 1.5, true] },
    { property: 'size', op: 'gte', value: '0.000000000001' },
  ],
  ...more,
})
const plan = (more: Partial<NewPlan> = {}): NewPlan => ({
  key: 'pro',
  name: null,
  currency: 'USD',
  terms: onlyPrices([]),
  ...more,
})
const price = (of: string) => ({
  meter: of,
  price: { model: 'per_unit' as const, unit_amount: '0.00000015' },
})
const first = { after: null, limit: 100 }

describe.each(postgresBackends)('tenants, keys, customers, meters and plans on $name', ({ open }) => {
  let backend: PostgresBackend
  let access: AccessStore
  let catalog: CatalogStore
  let tenantId: string

  beforeAll(async () => {
    backend = await open()
    access = postgresAccess(backend.db)
    catalog = postgresCatalog(backend.db)
  })
  afterAll(() => backend?.close())

  const newTenant = async () => {
    const { secret, stored } = newKey('default')
    const tenant = {
      id: crypto.randomUUID(),
      name: 'Ünïcode 😀 "x"',
      timezone: 'Asia/Kolkata',
      currency: 'INR',
      unmetered: 'keep' as const,
    }
    const made = await access.createTenant(tenant, stored, 'default')
    return { ...made, secret, stored }
  }
  beforeEach(async () => {
    tenantId = (await newTenant()).tenant.id
  })
  const version = async () => (await access.loadConfig(tenantId)).version

  describe('a tenant', () => {
    it('comes with its key and its default plan, and the key leads to it', async () => {
      const before = Date.now()
      const { tenant, key, secret } = await newTenant()
      expect(tenant).toMatchObject({
        name: 'Ünïcode 😀 "x"',
        timezone: 'Asia/Kolkata',
        currency: 'INR',
        unmetered: 'keep',
        defaultPlan: 'default',
      })
      expect(Math.abs(tenant.createdAt.getTime() - before)).toBeLessThan(60_000)
      expect(await access.findTenant(tenant.id)).toEqual(tenant)
      expect(await access.listKeys(tenant.id, first)).toEqual([key])
      expect(await catalog.findPlan(tenant.id, 'default')).toMatchObject({
        isDefault: true,
        plan: { currency: 'INR', version: 1, terms: onlyPrices([]) },
      })
      expect(await access.findKey(sha256Hex(secret))).toEqual({
        keyId: key.id,
        config: {
          ...{ tenantId: tenant.id, timezone: 'Asia/Kolkata', currency: 'INR', placement: null },
          ...{ unmetered: 'keep', dedupeWindowHours: null, version: 1, meters: [], revisions: [] },
        },
      })
    })

    it('that is made again with the same ids and key is the one that there is, also at the same instant', async () => {
      const { stored } = newKey('default')
      const tenant = {
        id: newId(),
        name: 'x',
        timezone: 'UTC',
        currency: 'USD',
        unmetered: 'refuse' as const,
      }
      const make = () => access.createTenant(tenant, stored, 'default')
      const [made, ...again] = await Promise.all(Array.from({ length: 8 }, make))
      for (const one of [...again, await make()]) expect(one).toEqual(made)
      expect(await access.listKeys(tenant.id, first)).toEqual([made!.key])
    })

    it('changes what is sent of it, and each change moves the version by one', async () => {
      const { tenant } = await newTenant()
      const change = (patch: TenantPatch) => access.changeTenant(tenant.id, patch)
      await catalog.createPlan(tenant.id, plan(), false)
      const changed = { ...tenant, unmetered: 'refuse' }
      expect(await change({ unmetered: 'refuse' })).toEqual({
        kind: 'changed',
        tenant: changed,
        configVersion: 3,
      })
      const other = { ...changed, name: 'Other', defaultPlan: 'pro' }
      expect(await change({ name: 'Other', defaultPlan: 'pro' })).toEqual({
        kind: 'changed',
        tenant: other,
        configVersion: 4,
      })
      expect(await access.findTenant(tenant.id)).toEqual(other)
      expect(await access.loadConfig(tenant.id)).toMatchObject({ unmetered: 'refuse', version: 4 })
      expect((await catalog.planOfCustomer(tenant.id, 'anyone'))?.plan.key).toBe('pro')
      for (const dedupeWindowHours of [72, null, 1]) {
        expect(await change({ dedupeWindowHours })).toMatchObject({ tenant: { dedupeWindowHours } })
        expect(await change({ name: 'Other' })).toMatchObject({ tenant: { dedupeWindowHours } })
        expect(await access.loadConfig(tenant.id)).toMatchObject({ dedupeWindowHours })
      }
      expect(await change({ dedupeWindowHours: null })).toMatchObject({ tenant: other })

      expect(await change({ name: 'Lost', defaultPlan: 'nope' })).toEqual({ kind: 'no_plan' })
      expect(await access.findTenant(tenant.id)).toEqual(other)
      expect((await access.loadConfig(tenant.id)).version).toBe(11)
      expect(await access.changeTenant(crypto.randomUUID(), { name: 'x' })).toEqual({ kind: 'not_found' })
    })

    it('is not made by halves: with a key that there is already, nothing is', async () => {
      const { stored } = await newTenant()
      const id = crypto.randomUUID()
      const tenant = { id, name: 'x', timezone: 'UTC', currency: 'USD', unmetered: 'refuse' as const }
      await expect(
        access.createTenant(tenant, { ...stored, id: crypto.randomUUID() }, 'default'),
      ).rejects.toThrow()
      expect(await access.findTenant(id)).toBeNull()
      expect(await catalog.findPlan(id, 'default')).toBeNull()
    })
  })

  describe('an API key', () => {
    it('that was revoked leads nowhere, and revoking it again changes nothing', async () => {
      const { secret, stored } = newKey('second')
      expect(await access.createKey(tenantId, stored)).toMatchObject({
        kind: 'created',
        key: { name: 'second', hint: secret.slice(-4) },
      })
      expect(await access.findKey(stored.hash)).not.toBeNull()
      expect(await access.revokeKey(stored.id)).toEqual({ hash: stored.hash })
      const revoked = await access.listKeys(tenantId, first)
      expect(await access.findKey(stored.hash)).toBeNull()
      expect(await access.revokeKey(stored.id)).toEqual({ hash: stored.hash })
      expect(await access.listKeys(tenantId, first)).toEqual(revoked)
    })

    it('that is made again with the same id is the one that there is, also at the same instant', async () => {
      const { stored } = newKey('second')
      const make = () => access.createKey(tenantId, stored)
      const [made, ...again] = await Promise.all(Array.from({ length: 8 }, make))
      expect(made!.kind).toBe('created')
      for (const one of [...again, await make()]) expect(one).toEqual(made)
      expect(await access.listKeys(tenantId, first)).toHaveLength(2)
    })

    it('is stored as nothing but its hash', async () => {
      const { secret, tenant } = await newTenant()
      const stored = await rows(
        backend.db,
        sql`select to_jsonb(api_keys)::text as key from api_keys where tenant_id = ${tenant.id}::uuid`,
      )
      expect(JSON.stringify(stored)).toContain(sha256Hex(secret))
      expect(JSON.stringify(stored)).not.toContain(secret.slice(3, 20))
    })

    it('of nobody is none, and there is a bound', async () => {
      expect(await access.createKey(crypto.randomUUID(), newKey('x').stored)).toEqual({ kind: 'no_tenant' })
      expect(await access.findKey(sha256Hex(makeKey()))).toBeNull()
      expect(await access.listKeys(crypto.randomUUID(), first)).toBeNull()
      expect(await access.revokeKey(crypto.randomUUID())).toBeNull()
      for (let i = 1; i < KEYS_PER_TENANT; i++) await access.createKey(tenantId, newKey(`k${i}`).stored)
      expect(await access.createKey(tenantId, newKey('one too many').stored)).toEqual({ kind: 'too_many' })
    })
  })

  describe('a meter', () => {
    it('is in the configuration as it was created, and each change moves the version by one', async () => {
      const wanted = meter()
      const created = await catalog.createMeter(tenantId, wanted)
      expect(created).toMatchObject({ kind: 'created', version: 2, meter: { ...wanted, archivedAt: null } })
      const config = await access.loadConfig(tenantId)
      expect(config).toMatchObject({ version: 2, meters: [created.kind === 'created' && created.meter] })

      expect(await catalog.changeMeter(tenantId, 'calls', { name: 'Calls' })).toMatchObject({
        version: 3,
        meter: { name: 'Calls' },
      })
      expect(await catalog.changeMeter(tenantId, 'calls', { missing: 'refuse' })).toMatchObject({
        version: 4,
        meter: { name: 'Calls', missing: 'refuse' },
      })
      expect(await catalog.changeMeter(tenantId, 'calls', { name: null })).toMatchObject({
        version: 5,
        meter: { name: null, missing: 'refuse', filter: meter().filter },
      })
      const archived = await catalog.archiveMeter(tenantId, 'calls')
      expect(archived).toMatchObject({ version: 6, meter: { archivedAt: expect.any(Date) } })
      expect((await catalog.archiveMeter(tenantId, 'calls'))?.meter).toEqual(archived?.meter)
      expect((await access.loadConfig(tenantId)).meters).toEqual([archived?.meter])
    })

    it('that is there already is given back, without a new version', async () => {
      await catalog.createMeter(tenantId, meter({ id: 'first' }))
      expect(await catalog.createMeter(tenantId, meter({ aggregation: 'max' }))).toMatchObject({
        kind: 'exists',
        version: 2,
        meter: { id: 'first', aggregation: 'sum' },
      })
      expect(await version()).toBe(2)
    })

    it('has its id to itself, in its tenant', async () => {
      await catalog.createMeter(tenantId, meter({ id: 'same' }))
      await expect(catalog.createMeter(tenantId, meter({ id: 'same', key: 'other' }))).rejects.toThrow()
      expect(await version()).toBe(2)
      const another = newKey('of another')
      const tenant = {
        id: newId(),
        name: 'another',
        timezone: 'UTC',
        currency: 'USD',
        unmetered: 'refuse' as const,
      }
      await access.createTenant(tenant, another.stored, 'default')
      expect(await catalog.createMeter(tenant.id, meter({ id: 'same' }))).toMatchObject({ kind: 'created' })
    })

    it('that there is not can’t be changed, and the version stays', async () => {
      expect(await catalog.changeMeter(tenantId, 'nope', { name: 'x' })).toBeNull()
      expect(await catalog.archiveMeter(tenantId, 'nope')).toBeNull()
      expect(await version()).toBe(1)
    })

    it('is bounded by resource type strictly, also for those who create at the same instant', async () => {
      const outcomes = await Promise.all(
        Array.from({ length: METERS_PER_RESOURCE_TYPE + 6 }, (_, i) =>
          retried(() => catalog.createMeter(tenantId, meter({ key: `m${i}` }))),
        ),
      )
      expect(outcomes.filter(({ kind }) => kind === 'created')).toHaveLength(METERS_PER_RESOURCE_TYPE)
      expect(outcomes.filter(({ kind }) => kind === 'too_many')).toHaveLength(6)
      expect(await version()).toBe(1 + METERS_PER_RESOURCE_TYPE)
      const versions = outcomes.flatMap((outcome) => (outcome.kind === 'created' ? [outcome.version] : []))
      expect(new Set(versions).size).toBe(METERS_PER_RESOURCE_TYPE)
    })

    it('is bounded by tenant, archived ones too', async () => {
      await rows(
        backend.db,
        sql`insert into meters (tenant_id, id, key, resource_type, aggregation, value, group_by, archived_at)
          select ${tenantId}::uuid, 'i' || n, 'm' || n, 'other', 'sum', 'quantity', '[]'::jsonb, now()
          from generate_series(1, ${METERS_PER_TENANT}::int) as n`,
      )
      expect(await catalog.createMeter(tenantId, meter())).toEqual({ kind: 'too_many', of: 'tenant' })
    })

    it('with the same key is created once by many at the same instant', async () => {
      const outcomes = await Promise.all(
        Array.from({ length: 8 }, () => catalog.createMeter(tenantId, meter())),
      )
      expect(outcomes.map(({ kind }) => kind).sort()).toEqual(['created', ...Array(7).fill('exists')])
      expect(await version()).toBe(2)
    })
  })

  describe('a plan', () => {
    const terms: Terms = {
      prices: [price('calls')],
      fees: [{ key: 'base', name: 'Ünïcode "x"', amount: '0.10', due: 'advance' }],
      interval: 'quarter',
      interval_count: 2,
      trial_days: 14,
      entitlements: { sso: true, seats: '10' },
    }
    const versions = async (key = 'pro', page: PageRequest = first) =>
      (await catalog.listPlanVersions(tenantId, key, page))?.map(({ plan }) => plan)

    it('keeps its terms as they were sent, as version 1, and moves the configuration', async () => {
      await catalog.createMeter(tenantId, meter())
      const created = await catalog.createPlan(tenantId, plan({ name: 'Pro', terms }), false)
      expect(created).toMatchObject({
        kind: 'created',
        configVersion: 3,
        isDefault: false,
        plan: { key: 'pro', name: 'Pro', currency: 'USD', version: 1 },
      })
      const made = created.kind === 'created' ? created.plan : null
      expect(made?.terms).toEqual(terms)
      expect(await catalog.findPlan(tenantId, 'pro')).toEqual({ plan: made, isDefault: false })
      expect(await catalog.createPlan(tenantId, plan(), true)).toEqual({
        kind: 'exists',
        plan: made,
        isDefault: false,
        configVersion: 3,
      })
      expect(await version()).toBe(3)
    })

    it('publishes new terms as its next version, and one that was published never changes', async () => {
      await catalog.createMeter(tenantId, meter())
      await catalog.createPlan(tenantId, plan({ name: 'Pro', terms }), false)
      const second = onlyPrices([])
      expect(await catalog.changePlan(tenantId, 'pro', { terms: second, seenVersion: 1 })).toMatchObject({
        kind: 'changed',
        configVersion: 4,
        plan: { name: 'Pro', version: 2, terms: second },
      })
      // A name is of the plan, not of its terms: it is no new version.
      expect(await catalog.changePlan(tenantId, 'pro', { name: null, seenVersion: 2 })).toMatchObject({
        configVersion: 5,
        plan: { name: null, version: 2, terms: second },
      })
      await catalog.changePlan(tenantId, 'pro', { terms, seenVersion: 2 })
      expect((await versions())?.map(({ version, terms }) => ({ version, terms }))).toEqual([
        { version: 3, terms },
        { version: 2, terms: second },
        { version: 1, terms },
      ])
      for (const [n, of] of [terms, second, terms].entries())
        expect((await catalog.findPlan(tenantId, 'pro', n + 1))?.plan).toMatchObject({
          version: n + 1,
          terms: of,
        })
      expect((await catalog.findPlan(tenantId, 'pro'))?.plan).toMatchObject({ version: 3, terms })
      expect(await catalog.findPlan(tenantId, 'pro', 4)).toBeNull()
      expect(await version()).toBe(6)
    })

    it('lists its versions in pages, the newest first', async () => {
      await catalog.createPlan(tenantId, plan(), false)
      for (let n = 1; n < 12; n++)
        await catalog.changePlan(tenantId, 'pro', {
          terms: { ...onlyPrices([]), trial_days: n },
          seenVersion: n,
        })
      const numbers = async (after: string | null, limit: number) =>
        (await versions('pro', { after, limit }))?.map(({ version, terms }) => [version, terms.trial_days])
      // One more than the limit says that there is another page.
      expect(await numbers(null, 2)).toEqual([
        [12, 11],
        [11, 10],
        [10, 9],
      ])
      expect(await numbers('11', 2)).toEqual([
        [10, 9],
        [9, 8],
        [8, 7],
      ])
      expect(await numbers('2', 2)).toEqual([[1, 0]])
      expect(await numbers('1', 2)).toEqual([])
      expect(await versions('nope')).toBeUndefined()
      expect(await catalog.listPlanVersions((await newTenant()).tenant.id, 'pro', first)).toBeNull()
    })

    it('whose newest version is not the one that was seen has moved: nothing changes', async () => {
      await catalog.createPlan(tenantId, plan(), false)
      const changed = { ...onlyPrices([]), trial_days: 1 }
      await catalog.changePlan(tenantId, 'pro', { terms: changed, seenVersion: 1 })
      const before = [await version(), await catalog.listPlans(tenantId, first), await versions()]
      for (const seenVersion of [1, 3]) {
        const patch = { name: 'x', terms: onlyPrices([]), seenVersion, default: true } as const
        expect(await catalog.changePlan(tenantId, 'pro', patch)).toEqual({ kind: 'moved' })
      }
      expect([await version(), await catalog.listPlans(tenantId, first), await versions()]).toEqual(before)
    })

    it('of two changes that saw the same version, one is published, and the other one moved', async () => {
      for (let round = 0; round < 5; round++) {
        await catalog.createPlan(tenantId, plan({ key: `p${round}` }), false)
        const before = await version()
        const outcomes = await Promise.all(
          [1, 2].map((trial_days) =>
            catalog.changePlan(tenantId, `p${round}`, {
              terms: { ...onlyPrices([]), trial_days },
              seenVersion: 1,
            }),
          ),
        )
        expect(outcomes.map(({ kind }) => kind).sort()).toEqual(['changed', 'moved'])
        expect(await version()).toBe(before + 1)
        const published = outcomes.flatMap((one) =>
          one.kind === 'changed' ? [one.plan.terms.trial_days] : [],
        )
        expect((await versions(`p${round}`))?.map(({ terms }) => terms.trial_days)).toEqual([...published, 0])
      }
    })

    it('that is changed by many at once has every change as a version', async () => {
      await catalog.createPlan(tenantId, plan(), false)
      const tenant = await access.loadConfig(tenantId)
      const services = {
        catalog,
        counters: { publishConfig: async () => {}, clockMicros: async () => 1 },
        configs: { forget: () => {} },
      }
      const days = [1, 2, 3, 4]
      await Promise.all(
        days.map((trial_days) =>
          retried(() => changePlan(services, { tenant }, { key: 'pro', change: { trial_days } })),
        ),
      )
      const listed = (await versions()) ?? []
      expect(listed.map(({ version }) => version)).toEqual([5, 4, 3, 2, 1])
      expect(listed.map(({ terms }) => terms.trial_days).sort()).toEqual([0, ...days])
    })

    it('that names an unknown meter changes nothing', async () => {
      const prices = [price('calls'), price('nope')]
      await catalog.createMeter(tenantId, meter())
      expect(await catalog.createPlan(tenantId, plan({ terms: onlyPrices(prices) }), true)).toEqual({
        kind: 'unknown_meters',
        meters: ['nope'],
      })
      const patch = { terms: onlyPrices(prices), seenVersion: 1, default: true } as const
      expect(await catalog.changePlan(tenantId, 'default', patch)).toEqual({
        kind: 'unknown_meters',
        meters: ['nope'],
      })
      expect(await catalog.changePlan(tenantId, 'nope', { seenVersion: 1 })).toEqual({ kind: 'not_found' })
      expect(await versions('default')).toHaveLength(1)
      expect(await version()).toBe(2)
      expect((await catalog.listPlans(tenantId, first)).map(({ plan }) => plan.key)).toEqual(['default'])
    })

    it('is a customer’s own one, else the default one, also for a customer that nobody created', async () => {
      await catalog.createPlan(tenantId, plan(), false)
      await access.createCustomer(tenantId, {
        customerId: 'own',
        name: null,
        email: null,
        plan: 'pro',
        metadata: {},
        taxRates: [],
      })
      await access.createCustomer(tenantId, {
        customerId: 'none',
        name: null,
        email: null,
        plan: null,
        metadata: {},
        taxRates: [],
      })
      const planOf = async (customerId: string) =>
        (await catalog.planOfCustomer(tenantId, customerId))?.plan.key
      expect(await Promise.all(['own', 'none', 'unknown'].map(planOf))).toEqual(['pro', 'default', 'default'])
      expect(await catalog.changePlan(tenantId, 'pro', { seenVersion: 1, default: true })).toMatchObject({
        isDefault: true,
      })
      expect(await Promise.all(['own', 'none', 'unknown'].map(planOf))).toEqual(['pro', 'pro', 'pro'])
    })

    it('is bounded', async () => {
      await rows(
        backend.db,
        sql`insert into plans (tenant_id, key, currency)
          select ${tenantId}::uuid, 'p' || n, 'USD' from generate_series(2, ${PLANS_PER_TENANT}::int) as n`,
      )
      expect(await catalog.createPlan(tenantId, plan(), false)).toEqual({ kind: 'too_many' })
    })

    it('of all changes made at the same instant, none is lost and none deadlocks', async () => {
      for (const key of ['a', 'b']) await catalog.createMeter(tenantId, meter({ key }))
      for (const key of ['a', 'b']) await catalog.createPlan(tenantId, plan({ key }), false)
      const before = await version()
      await Promise.all(
        Array.from({ length: 24 }, (_, i) =>
          [
            () => catalog.changeMeter(tenantId, 'ab'[i % 2]!, { name: `n${i}` }),
            () =>
              catalog.changePlan(tenantId, 'ab'[i % 2]!, { name: `n${i}`, seenVersion: 1, default: true }),
            () => catalog.archiveMeter(tenantId, 'ab'[i % 2]!),
          ][i % 3]!(),
        ),
      )
      expect(await version()).toBe(before + 24)
    })
  })

  describe('a customer', () => {
    const create = (customerId: string, metadata: Record<string, string> = {}, taxRates: TaxRate[] = []) =>
      access.createCustomer(tenantId, { customerId, name: 'N', email: null, plan: null, metadata, taxRates })
    const change = (customerId: string, patch: CustomerChange, orCreate = false) =>
      access.changeCustomer(tenantId, customerId, patch, orCreate)

    it('is created once, and given back after that', async () => {
      const created = await create('alice', { 'a"b': '\n', é: '😀' })
      expect(created).toMatchObject({
        kind: 'created',
        customer: { customerId: 'alice', name: 'N', metadata: { 'a"b': '\n', é: '😀' } },
      })
      expect(await create('alice')).toEqual({ ...created, kind: 'exists' })
      expect(await access.findCustomer(tenantId, 'alice')).toEqual({
        customer: created.kind === 'created' && created.customer,
        used: false,
      })
      const outcomes = await Promise.all(Array.from({ length: 8 }, () => create('bob')))
      expect(outcomes.map(({ kind }) => kind).sort()).toEqual(['created', ...Array(7).fill('exists')])
    })

    it('is changed field by field, and its notes name by name', async () => {
      await create('alice', { a: '1', b: '2' })
      expect(await change('alice', { email: 'a@b', metadata: { a: null, c: '3' } })).toMatchObject({
        kind: 'changed',
        customer: { name: 'N', email: 'a@b', plan: null, metadata: { b: '2', c: '3' } },
      })
      expect(await change('alice', { name: null })).toMatchObject({ customer: { name: null, email: 'a@b' } })
      expect(await change('alice', { plan: 'nope' })).toEqual({ kind: 'no_plan' })
      expect(await change('nobody', { name: 'x' })).toEqual({ kind: 'not_found' })
      expect(await change('nobody', { metadata: { a: '1', b: null } }, true)).toMatchObject({
        kind: 'changed',
        customer: { metadata: { a: '1' } },
      })
    })

    it('keeps its tax rates in their order and to the digit, until others are sent', async () => {
      const rates = [
        { name: 'GST', percent: '5' },
        { name: 'A "levy"', percent: '9.975' },
      ]
      expect(await create('alice', {}, rates)).toMatchObject({ customer: { taxRates: rates } })
      expect(await change('alice', { name: 'x' })).toMatchObject({ customer: { taxRates: rates } })
      const changed = await change('alice', { tax_rates: rates.toReversed() })
      expect(changed).toMatchObject({ customer: { name: 'x', taxRates: rates.toReversed() } })
      expect((await access.findCustomer(tenantId, 'alice')).customer?.taxRates).toEqual(rates.toReversed())
      expect(await change('alice', { tax_rates: [] })).toMatchObject({ customer: { taxRates: [] } })
      expect(await change('bob', { tax_rates: rates }, true)).toMatchObject({ customer: { taxRates: rates } })
    })

    it('is listed in byte order after the one before', async () => {
      const ids = ['Z', 'a', 'a\uffff', 'a😀', 'é', '\ue000', '😀']
      for (const id of ids.toReversed()) await create(id)
      expect((await access.listCustomers(tenantId, first)).map(({ customerId }) => customerId)).toEqual(ids)
      expect(
        (await access.listCustomers(tenantId, { after: 'a\uffff', limit: 1 })).map(
          ({ customerId }) => customerId,
        ),
      ).toEqual(['a😀', 'é'])
    })

    it('of another tenant is not there', async () => {
      await create('alice')
      const other = (await newTenant()).tenant.id
      expect(await access.findCustomer(other, 'alice')).toEqual({ customer: null, used: false })
      expect(await access.changeCustomer(other, 'alice', { name: 'x' }, false)).toEqual({ kind: 'not_found' })
      expect(await access.listCustomers(other, first)).toEqual([])
    })
  })
})

/** What a caller does who is told to send the same request again. */
async function retried<Result>(run: () => Promise<Result>): Promise<Result> {
  for (let tries = 0; ; tries++) {
    try {
      return await run()
    } catch (error) {
      if ((error as { code?: string }).code !== 'store_unavailable' || tries > 20) throw error
    }
  }
}

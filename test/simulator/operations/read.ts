// Actors: usage and bills are read while everything else goes on, and have to be exact.

import fc from 'fast-check'
import { readBill } from '../../../src/billing/read-bill.ts'
import { text } from '../../../src/kernel/decimal.ts'
import { TollgateError } from '../../../src/kernel/errors.ts'
import { listUsedCustomers } from '../../../src/metering/list-used-customers.ts'
import { checkTotals, owedNow } from '../check-totals.ts'
import { countsOf, unitsOf } from '../expected.ts'
import { digitsMeter, periodOfTenant, USER_PATH } from '../plan.ts'
import { laws, Violation } from '../violation.ts'
import { operation, pace, some } from './operation.ts'

export const readUsage = operation({
  name: 'read-usage',
  weight: 8,
  arbitrary: fc.record(
    {
      isolate: some,
      tenant: some,
      customer: some,
      customers: fc.constantFrom(1, 1, 2),
      onlyDigits: fc.boolean(),
      history: fc.constantFrom(false, false, true),
      pace,
    },
    { requiredKeys: ['isolate', 'tenant', 'customer', 'customers', 'onlyDigits', 'pace'] },
  ),
  async run(world, { history = false, ...input }) {
    const isolate = world.isolate(input.isolate)
    const tenant = world.tenant(input.tenant)
    const customers = [
      ...new Set([world.customer(input.customer), world.customer(input.customer + input.customers - 1)]),
    ]
    const meter = input.onlyDigits ? digitsMeter.call : null
    await world.start('usage', isolate, input.pace, async () => {
      const owed = new Map(customers.map((customer) => [customer, owedNow(world, tenant, customer, history)]))
      const config = await isolate.services.configs.load(tenant.id)
      const { quantities } = await isolate.read(isolate.services, config, {
        customerIds: customers,
        meter,
        boundariesMs: periodOfTenant(tenant.timezone),
        groupBy: [],
        history,
      })
      const stranger = quantities.find(({ customerId }) => !customers.includes(customerId))
      if (stranger) throw new Violation(laws.isolation, `usage of ${customers} shows ${stranger.customerId}`)
      for (const customer of customers) {
        const shown = new Map(
          quantities
            .filter(({ customerId }) => customerId === customer)
            .map(({ meter, quantity }) => [meter.key, unitsOf(text(quantity))]),
        )
        checkTotals(world, { tenant, customer, owed: owed.get(customer)!, reader: 'usage' }, shown, meter)
      }
    })
  },
})

export const readGroups = operation({
  name: 'read-groups',
  weight: 3,
  arbitrary: fc.record({ isolate: some, tenant: some, customer: some, pace }),
  async run(world, input) {
    const isolate = world.isolate(input.isolate)
    const tenant = world.tenant(input.tenant)
    const customer = world.customer(input.customer)
    await world.start('groups', isolate, input.pace, async () => {
      const owed = owedNow(world, tenant, customer)
      const config = await isolate.services.configs.load(tenant.id)
      const { quantities } = await isolate.read(isolate.services, config, {
        customerIds: [customer],
        meter: 'call_by_user',
        boundariesMs: periodOfTenant(tenant.timezone),
        groupBy: [USER_PATH],
      })
      const events = world.oracle.eventsOf(tenant.number, customer, 'call')
      let sum = 0n
      for (const { group, quantity } of quantities) {
        const units = unitsOf(text(quantity))
        sum += units
        for (const [digit, count] of countsOf(units).counts.entries()) {
          if (count > 0 && events[digit]?.user !== group[USER_PATH])
            throw new Violation(
              laws.merges,
              `groups of ${customer}: ${group[USER_PATH]} has what is ${events[digit]?.user}'s`,
            )
        }
      }
      checkTotals(
        world,
        { tenant, customer, owed, reader: 'groups' },
        new Map([[digitsMeter.call, sum]]),
        digitsMeter.call,
      )
    })
  },
})

export const bill = operation({
  name: 'bill',
  weight: 8,
  arbitrary: fc.record({ isolate: some, tenant: some, customer: some, pace }),
  async run(world, input) {
    const isolate = world.isolate(input.isolate)
    const tenant = world.tenant(input.tenant)
    const customer = world.customer(input.customer)
    const [from, to] = periodOfTenant(tenant.timezone).map((ms) => new Date(ms).toISOString())
    await world.start('bill', isolate, input.pace, async () => {
      const owed = owedNow(world, tenant, customer)
      const config = await isolate.services.configs.load(tenant.id)
      const lines = await readBill(isolate.services, config, { customerId: customer, from, to }).then(
        (read) => read.lines,
        (error: unknown) => {
          if (error instanceof TollgateError && error.code === 'not_found') return []
          throw error
        },
      )
      const shown = new Map(lines.map(({ meter, quantity }) => [meter, unitsOf(quantity)]))
      checkTotals(world, { tenant, customer, owed, reader: 'bill' }, shown)
    })
  },
})

export const customers = operation({
  name: 'customers',
  weight: 2,
  arbitrary: fc.record({ isolate: some, tenant: some, pace }),
  async run(world, input) {
    const isolate = world.isolate(input.isolate)
    const tenant = world.tenant(input.tenant)
    await world.start('customers', isolate, input.pace, async () => {
      const restores = () => world.oracle.rollbacks + world.gaps
      const before = restores()
      const mine = world.oracle.customersOf(tenant.number)
      const isOwed = (id: string) =>
        [...owedNow(world, tenant, id).counts.values()].some((count) => count > 0)
      const owed = mine.filter(isOwed)
      const listed = await listUsedCustomers(isolate.services, tenant.id, '', 1_000)
      const known = world.oracle.customersOf(tenant.number)
      const stranger = listed.find((id) => !known.includes(id))
      if (stranger !== undefined)
        throw new Violation(laws.isolation, `the list of customers shows ${stranger}`)
      // One whose events are being voided since the read began may be gone.
      const missing = owed.find((id) => !listed.includes(id) && isOwed(id))
      if (missing !== undefined && before === restores())
        throw new Violation(laws.exact, `the list of customers misses ${missing}`)
    })
  },
})

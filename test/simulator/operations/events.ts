// Actors: the event log is read, page by page, while everything else goes on; and events come in that no meter counts.

import fc from 'fast-check'
import { TollgateError } from '../../../src/kernel/errors.ts'
import { recordUsage } from '../../../src/metering/record-usage.ts'
import { checkLog, owedLog, readLog } from '../check-log.ts'
import { IDLE } from '../plan.ts'
import type { Whisper } from '../world.ts'
import { operation, pace, some } from './operation.ts'
import { isKnownYet } from './send.ts'

export const events = operation({
  name: 'events',
  weight: 6,
  arbitrary: fc.record({
    isolate: some,
    tenant: some,
    customer: some,
    ofOne: fc.boolean(),
    order: fc.constantFrom('asc' as const, 'desc' as const),
    limit: fc.constantFrom(100, 100, 10, 3),
    pace,
  }),
  async run(world, { isolate, tenant: which, customer: number, ofOne, order, limit, pace }) {
    const { services } = world.isolate(isolate)
    const tenant = world.tenant(which)
    const customer = ofOne ? world.customer(number) : null
    await world.start('events', world.isolate(isolate), pace, async () => {
      const owed = owedLog(world, tenant, customer)
      const entries = await readLog(services, { tenant, customer }, { order, limit })
      checkLog(world, { tenant, customer, owed, countOf: null }, entries)
    })
  },
})

export const whisper = operation({
  name: 'whisper',
  weight: 4,
  arbitrary: fc.record({ isolate: some, tenant: some, again: fc.option(some), pace }),
  async run(world, { isolate, tenant: which, again, pace }) {
    const tenant = world.tenant(which)
    const known = world.whispers.filter((one) => isKnownYet(world, one.firstSentMs))
    const id = `w${world.whispers.length}`
    let event: Whisper | undefined = again === null ? undefined : known[again % known.length]
    if (event === undefined) {
      const sent = { id, customer_id: 'w', resource_type: IDLE, quantity: '1', properties: { said: id } }
      event = {
        ...{ tenant: tenant.number, id, sent },
        ...{ acked: false, firstSentMs: world.time.nowMs },
      }
      world.whispers.push(event)
    }
    const one = event
    await world.start(`whisper ${one.id}`, world.isolate(isolate), pace, async () => {
      const { services } = world.isolate(isolate)
      const { rollbacks } = world.oracle
      const config = await services.configs.load(world.tenants[one.tenant]!.id)
      const input = { events: [{ sent: one.sent, pointer: '#' }], handling: 'strict' as const }
      const recorded = await recordUsage(services, config, input).catch((error: unknown) => {
        if (error instanceof TollgateError && ['backlog_full', 'log_backlog_full'].includes(error.code))
          return null
        throw error
      })
      // An answer of before Redis went back says nothing of what it has now.
      if (recorded !== null && rollbacks === world.oracle.rollbacks) one.acked = true
    })
  },
})

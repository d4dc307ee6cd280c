// Actors: the operator offers kept segments again, because Postgres was put back or for no reason, and asks whether the
// accounts agree.

import fc from 'fast-check'
import { reofferErasures } from '../../../src/log/ask-erasure.ts'
import { reofferActs } from '../../../src/log/offer-acts.ts'
import { reconcile as runReconcile } from '../../../src/metering/reconcile.ts'
import { reoffer as runReoffer } from '../../../src/metering/reoffer.ts'
import { checkLogAccount, checkNoDrift } from '../check-accounts.ts'
import { digitsMeter, kinds } from '../plan.ts'
import type { Pace } from '../stage.ts'
import { laws, Violation } from '../violation.ts'
import type { World } from '../world.ts'
import { operation, pace, some } from './operation.ts'

export const reoffer = operation({
  name: 'reoffer',
  weight: 2,
  arbitrary: fc.record({ isolate: some, pace }),
  async run(world, { isolate, pace }) {
    await offerAgain(world, isolate, pace)
  },
})

/** Once is enough, whatever is still under way of before. */
export async function offerAgain(world: World, isolate: number, pace: Pace): Promise<void> {
  const { gaps } = world
  await world.start('reoffer', world.isolate(isolate), pace, async () => {
    const { services } = world.isolate(isolate)
    await reofferActs(services)
    const noted = world.erasures.noted()
    await reofferErasures(services)
    if (gaps === world.gaps) world.erasures.offered(noted)
    await runReoffer(services)
    if (gaps === world.gaps) world.missingSinceMs = null
  })
}

export const reconcile = operation({
  name: 'reconcile',
  weight: 3,
  arbitrary: fc.record({ isolate: some, tenant: some, pace }),
  async run(world, { isolate, tenant, pace }) {
    await agree(world, isolate, tenant, pace)
  },
})

const eventsOf = (world: World, tenant: number) =>
  world.oracle
    .customersOf(tenant)
    .flatMap((customer) => kinds.flatMap((kind) => world.oracle.eventsOf(tenant, customer, kind)))

/** Where neither store has lost anything, the accounts agree at every instant. */
async function agree(world: World, isolate: number, number: number, pace: Pace): Promise<void> {
  const { services } = world.isolate(isolate)
  const tenant = world.tenant(number)
  const name = `tenant ${tenant.number}`
  const events = () => eventsOf(world, tenant.number)
  await world.start('reconcile', world.isolate(isolate), pace, async () => {
    const acknowledged = events().filter((event) => world.oracle.bounds(event).min > 0).length
    const config = await services.configs.load(tenant.id)
    const { meters, log } = await runReconcile(services, config)
    const nothingLost = world.oracle.rollbacks === 0 && world.postgresRestores === 0
    checkLogAccount(log, name, nothingLost)
    if (!nothingLost) return
    checkNoDrift(meters, name)
    const accepted = meters
      .filter(({ meter }) => Object.values(digitsMeter).includes(meter))
      .reduce((sum, { accepted }) => sum + Number(accepted.events), 0)
    const possible = events().filter((event) => world.oracle.bounds(event).max > 0).length
    if (accepted < acknowledged || accepted > possible) {
      const of = `${acknowledged} acknowledged events and ${possible} possible ones`
      throw new Violation(laws.accounts, `${name} shows ${accepted} accepted events, of ${of}`)
    }
  })
}

// Actor: a tenant publishes the next version of a plan. Who has subscribed stays on the version that it has.

import fc from 'fast-check'
import { changePlan } from '../../../../src/billing/change-plan.ts'
import type { Terms } from '../../../../src/billing/terms.ts'
import { type Drawn, type Operation, pace, some } from '../../operations/operation.ts'
import { termsArbitrary } from '../plan.ts'
import type { Year } from '../year.ts'
import { ask } from './command.ts'

const arbitrary = fc.record({ isolate: some, tenant: some, pace, plan: some, terms: termsArbitrary() })

export const publish: Operation<Drawn<typeof arbitrary>, Year> = {
  name: 'publish',
  weight: 3,
  arbitrary,
  async run(year, input) {
    // Meters that its plan did not have may clash with those of another subscription.
    const { prices: old } = year.setup.plans[input.plan % year.setup.plans.length]!
    const prices = input.terms.prices.filter(({ meter }) => old.some((one) => one.meter === meter))
    const terms: Terms = { ...input.terms, prices }
    await ask(year, 'publish', input, ({ services, caller }) =>
      changePlan(services, caller, { key: year.planKey(input.plan), change: terms }),
    )
  },
}

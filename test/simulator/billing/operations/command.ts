// How a tenant's commands go: what is answered is known, what is refused has changed nothing, and where no answer comes it
// is in doubt.

import type { Subscription } from '../../../../src/billing/subscriptions/subscription.ts'
import { TollgateError } from '../../../../src/kernel/errors.ts'
import { newId } from '../../../../src/kernel/ids.ts'
import type { TenantConfig } from '../../../../src/metering/meter.ts'
import type { IsolateServices } from '../../isolate.ts'
import type { Pace } from '../../stage.ts'
import { isStoreFailure } from '../../stage.ts'
import { Violation } from '../../violation.ts'
import { laws } from '../laws.ts'
import type { Doubt, Year } from '../year.ts'

export type Call = { services: IsolateServices; caller: { tenant: TenantConfig; newId: () => string } }
export type Where = { isolate: number; tenant: number; pace: Pace }

/** What a tenant may be told instead of success. */
const refusals = ['state_conflict', 'already_priced', 'validation_failed', 'not_found']

/** Anything that a tenant asks for; null: it was refused. */
export async function ask<Answer>(
  year: Year,
  name: string,
  { isolate: n, tenant, pace }: Where,
  run: (call: Call) => Promise<Answer>,
  answered: (answer: Answer | null) => void = () => {},
): Promise<void> {
  const isolate = year.isolate(n)
  await year.start(name, isolate, pace, async () => {
    const { services } = isolate
    const config = await services.configs.load(year.tenant(tenant).id)
    answered(await refusedOr(run({ services, caller: { tenant: config, newId } })))
  })
}

async function refusedOr<Answer>(answer: Promise<Answer>): Promise<Answer | null> {
  try {
    return await answer
  } catch (error) {
    if (!(error instanceof TollgateError) || isStoreFailure(error)) throw error
    if (refusals.includes(error.code)) return null
    throw new Violation(laws.answers, `${error.code}: ${error.detail} ${error.cause ?? ''}`)
  }
}

/** A command on a subscription. `rightly`: throws where the answer is not what was asked for. */
export async function command(
  year: Year,
  name: string,
  { isolate: n, tenant, pace }: Where,
  subscriptionId: string,
  run: (call: Call) => Promise<Subscription>,
  rightly: (answer: Subscription) => void = () => {},
): Promise<void> {
  const isolate = year.isolate(n)
  const { id, number } = year.tenant(tenant)
  const doubt: Doubt = { tenant: number, subscriptionId, actor: null }
  year.doubts.add(doubt)
  await year.start(name, isolate, pace, async (actor) => {
    doubt.actor = actor
    const { services } = isolate
    const config = await services.configs.load(id)
    const answer = await refusedOr(run({ services, caller: { tenant: config, newId } }))
    if (answer) {
      rightly(answer)
      year.told(number, answer, true)
    }
    year.doubts.delete(doubt)
  })
}

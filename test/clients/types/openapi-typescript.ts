// What a caller writes with the types of openapi-typescript. It is compiled, not run.

import type { components, paths } from '../out/openapi.js'

type Schemas = components['schemas']
type Problems<Operation extends { responses: object }> = {
  [Status in keyof Operation['responses']]: Operation['responses'][Status] extends {
    content: { 'application/problem+json': infer Problem }
  }
    ? Problem
    : never
}[keyof Operation['responses']]

/** The code says which problem it is. */
export function narrows(error: Problems<paths['/api/v1/usage']['post']>): 409 | 422 | null {
  if (error.code === 'event_conflict') return error.status satisfies 409
  if (error.code === 'unknown_resource_type') return error.status satisfies 422
  // @ts-expect-error: recording usage never answers this
  if (error.code === 'already_priced') return null
  return null
}

/** A status has its own codes. */
export const refused: paths['/api/v1/meters/{key}']['get']['responses'][404]['content']['application/problem+json']['code'] =
  'not_found'

export const query: paths['/api/v1/meters']['get']['parameters']['query'] = { limit: 20 }
// @ts-expect-error: a number, not its text
export const text: paths['/api/v1/meters']['get']['parameters']['query'] = { limit: '20' }
export const flush: paths['/api/v1/flush']['post']['parameters']['query'] = { retry_quarantined: true }

/** One pager for all lists. */
export async function* all<Item>(
  read: (cursor: string | null) => Promise<{ data: Item[]; next_cursor: string | null }>,
): AsyncGenerator<Item> {
  let cursor: string | null = null
  do {
    const page: { data: Item[]; next_cursor: string | null } = await read(cursor)
    yield* page.data
    cursor = page.next_cursor
  } while (cursor !== null)
}
export const meters = (page: Schemas['MeterPage']): AsyncGenerator<Schemas['Meter']> => all(async () => page)
export const plans = (page: Schemas['PlanPage']): AsyncGenerator<Schemas['Plan']> => all(async () => page)

/** A price is known by its model, where there is one. */
export function price({ price }: Schemas['BillLine']): string | null {
  if (price === null) return null
  if (price.model === 'per_unit') return price.unit_amount
  if (price.model === 'graduated') return price.tiers[0]?.up_to ?? null
  return price.model satisfies 'package' | 'volume' | 'flat' | 'percentage' | 'graduated_percentage'
}

/** One event and many are the same type. */
export const events: Schemas['Event'][] = [
  { customer_id: 'cust_42', resource_type: 'api_call', quantity: '1' },
]
export const body: NonNullable<paths['/api/v1/usage']['post']['requestBody']>['content']['application/json'] =
  events

/** What was read of a plan can be sent. */
export const again = ({ prices, fees }: Schemas['Plan']): Schemas['PlanChange'] => ({ prices, fees })
export const sum: Schemas['Aggregation'] = 'sum'
export const codes: Schemas['ErrorCode'][] = ['internal', 'not_found']

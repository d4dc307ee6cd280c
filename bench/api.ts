// The few calls of the API that a benchmark needs around its load: a tenant to record for, and what was counted.

import { decimal, sum, text } from '../src/kernel/decimal.ts'
import { meterInput, QUANTITY } from './workload.ts'

export type Tenant = { id: string; path: string; headers: Record<string, string>; acknowledged: number }

export const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` })

/** `more`: of what a new tenant is asked with. */
export async function makeTenant(url: string, adminToken: string, more: object = {}): Promise<Tenant> {
  const tenant = await call(url, bearer(adminToken), 'POST', '/api/v1/tenants', { name: 'Bench', ...more })
  const key = tenant.api_key.key
  await call(url, bearer(key), 'POST', '/api/v1/meters', meterInput)
  return { id: tenant.id, path: '/api/v1/usage', headers: bearer(key), acknowledged: 0 }
}

/** What was counted is what was acknowledged, to the last tenth; or it throws. */
export async function mustBeExact(url: string, { path, headers, acknowledged }: Tenant): Promise<void> {
  const quantities: string[] = []
  let cursor: string | null = ''
  while (cursor !== null) {
    const page: Answer = await call(url, headers, 'GET', `${path}?limit=100${cursor && `&cursor=${cursor}`}`)
    quantities.push(...page.data.map(({ quantity }) => quantity))
    cursor = page.next_cursor
  }
  const counted = text(sum(quantities.map(decimal)))
  const wanted = text(decimal(QUANTITY).times(decimal(String(acknowledged))))
  if (counted !== wanted) throw new Error(`${acknowledged} events are ${wanted}, but ${counted} was counted`)
}

/** What is looked at in the answers to these calls. */
type Answer = {
  id: string
  api_key: { key: string }
  data: { quantity: string }[]
  next_cursor: string | null
}

export async function call(
  url: string,
  headers: Record<string, string>,
  method: string,
  path: string,
  body?: unknown,
): Promise<Answer> {
  const response = await fetch(url + path, {
    method,
    headers: { ...headers, 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const answer = await response.text()
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${answer}`)
  return JSON.parse(answer)
}

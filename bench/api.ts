// The few calls of the API that a benchmark needs around its load: a tenant to record for, and what was counted.

import { decimal, sum, text } from '../src/kernel/decimal.ts'
import { meterInput, QUANTITY } from './workload.ts'

export type Tenant = { path: string; headers: Record<string, string>; acknowledged: number }

export async function makeTenant(url: string, adminToken: string): Promise<Tenant> {
  const tenant = await call(url, adminToken, 'POST', '/api/v1/tenants', { name: 'Bench' })
  const key = tenant.api_key.key
  await call(url, key, 'POST', '/api/v1/meters', meterInput)
  return { path: '/api/v1/usage', headers: { authorization: `Bearer ${key}` }, acknowledged: 0 }
}

/** What was counted is what was acknowledged, to the last tenth; or it throws. */
export async function mustBeExact(url: string, { path, headers, acknowledged }: Tenant): Promise<void> {
  const key = headers.authorization!.slice('Bearer '.length)
  const quantities: string[] = []
  let cursor: string | null = ''
  while (cursor !== null) {
    const page = await call(url, key, 'GET', `${path}?limit=100${cursor && `&cursor=${cursor}`}`)
    quantities.push(...page.data.map((row: { quantity: string }) => row.quantity))
    cursor = page.next_cursor
  }
  const counted = text(sum(quantities.map(decimal)))
  const wanted = text(decimal(QUANTITY).times(decimal(String(acknowledged))))
  if (counted !== wanted) throw new Error(`${acknowledged} events are ${wanted}, but ${counted} was counted`)
}

// biome-ignore lint/suspicious/noExplicitAny: answers of every form
async function call(url: string, token: string, method: string, path: string, body?: unknown): Promise<any> {
  const response = await fetch(url + path, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const answer = await response.text()
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${answer}`)
  return JSON.parse(answer)
}

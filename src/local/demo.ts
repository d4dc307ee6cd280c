// A tenant to try things with: its key, meters, plan and customer, made through the API like anybody else's. What it is
// called is kept in a file, so that it is the same one after a restart.

import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'

export type Demo = { tenantId: string; apiKey: string; customerId: string }

const CUSTOMER_ID = 'demo-customer'

const meters = [
  { key: 'api_call', name: 'API calls', resource_type: 'api_call', aggregation: 'sum' },
  {
    key: 'tokens',
    name: 'Tokens',
    resource_type: 'completion',
    aggregation: 'sum',
    value: 'tokens',
    group_by: ['model'],
  },
  { key: 'storage_gb', name: 'Stored GB', resource_type: 'storage', aggregation: 'weighted_sum' },
  {
    key: 'active_users',
    name: 'Active users',
    resource_type: 'login',
    aggregation: 'unique_count',
    value: 'user_id',
  },
]

const plan = {
  key: 'demo',
  name: 'Demo',
  currency: 'USD',
  default: true,
  prices: [
    {
      meter: 'api_call',
      price: {
        model: 'graduated',
        tiers: [
          { up_to: '1000', unit_amount: '0.01', flat_amount: '0' },
          { up_to: null, unit_amount: '0.005' },
        ],
      },
    },
    { meter: 'tokens', price: { model: 'per_unit', unit_amount: '0.000002' } },
    { meter: 'storage_gb', price: { model: 'per_unit', unit_amount: '0.02' } },
    { meter: 'active_users', price: { model: 'per_unit', unit_amount: '1.50', free_units: '3' } },
  ],
}

type Kept = Demo & { seeded: boolean }
type Options = { baseUrl: string; adminToken: string; file: string }

/** Makes what is missing. A tenant that the database doesn't know any more is replaced by a new one. */
export async function seedDemo({ baseUrl, adminToken, file }: Options): Promise<Demo> {
  const api = (method: string, path: string, token: string, body?: unknown) =>
    call(baseUrl, method, path, token, body)
  let kept = await readKept(file)
  if (kept !== null && (await api('GET', '/api/v1/meters', kept.apiKey)).status === 401) kept = null
  if (kept === null) {
    const tenant = await api('POST', '/api/v1/tenants', adminToken, { name: 'Demo', currency: 'USD' })
    const { id, api_key } = succeeded(tenant) as { id: string; api_key: { key: string } }
    kept = { tenantId: id, apiKey: api_key.key, customerId: CUSTOMER_ID, seeded: false }
    await keep(file, kept)
  }
  if (!kept.seeded) {
    const { apiKey } = kept
    // A start that was cut off may have made some of it: what is there already is answered 200.
    for (const meter of meters) succeeded(await api('POST', '/api/v1/meters', apiKey, meter))
    succeeded(await api('POST', '/api/v1/plans', apiKey, plan))
    succeeded(
      await api('POST', '/api/v1/customers', apiKey, { customer_id: CUSTOMER_ID, name: 'Demo customer' }),
    )
    kept = { ...kept, seeded: true }
    await keep(file, kept)
  }
  const { tenantId, apiKey, customerId } = kept
  return { tenantId, apiKey, customerId }
}

type Answered = { what: string; status: number; body: unknown }

async function call(
  baseUrl: string,
  method: string,
  path: string,
  token: string,
  body: unknown,
): Promise<Answered> {
  const response = await fetch(baseUrl + path, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  return { what: `${method} ${path}`, status: response.status, body: await response.json() }
}

function succeeded({ what, status, body }: Answered): unknown {
  if (status >= 200 && status < 300) return body
  throw new Error(`The demo can't be made: ${what} was answered ${status} ${JSON.stringify(body)}`)
}

async function readKept(file: string): Promise<Kept | null> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Kept
  } catch {
    return null
  }
}

/** For its owner's eyes only: it holds a key. */
async function keep(file: string, kept: Kept): Promise<void> {
  await mkdir(dirname(file), { recursive: true })
  const draft = `${file}.tmp`
  await writeFile(draft, `${JSON.stringify(kept, null, 2)}\n`, { mode: 0o600 })
  await chmod(draft, 0o600)
  await rename(draft, file)
}

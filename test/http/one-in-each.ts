import type { Started } from './harness.ts'

/** Partitions of a server with two databases of counters: the one that there is, on main, and one that is opened on the second. */
export async function oneInEach({ baseUrl, adminToken }: Omit<Started, 'close'>): Promise<number[]> {
  const opened = await fetch(new URL('/api/v1/partitions', baseUrl), {
    method: 'POST',
    headers: { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' },
    body: JSON.stringify({ database: 'second' }),
  })
  if (opened.status !== 201) throw new Error(`No partition: ${opened.status} ${await opened.text()}`)
  const { id } = (await opened.json()) as { id: number }
  return [0, id]
}

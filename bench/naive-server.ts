// What one would write first, on the same framework and the same Redis: a request is one INCRBYFLOAT. A retry counts twice,
// tenths drift, and no bill can tell how much of it Postgres has already.

import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { Redis } from 'ioredis'

const redis = new Redis(process.env.REDIS_URL!)
const app = new Hono()

app.post('/usage', async (c) => {
  const { customer_id, resource_type, quantity } = await c.req.json()
  await redis.incrbyfloat(`usage:${customer_id}:${resource_type}`, quantity)
  return c.json({ accepted: 1 })
})

serve({ fetch: app.fetch, port: Number(process.env.PORT), hostname: '127.0.0.1' }, ({ port }) => {
  console.log(`naive: http://127.0.0.1:${port}`)
})

process.once('SIGTERM', () => process.exit(0))

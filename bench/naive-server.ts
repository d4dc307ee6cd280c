// What one would write first, on the same framework and the same Redis: a request is one INCRBYFLOAT. A retry counts twice,
// tenths drift, and no bill can tell how much of it Postgres has already. `/bare` takes what it gets from everybody;
// `/checked` does what a public API has to, by the framework's own middleware: it asks for a key and checks the body.

import { serve } from '@hono/node-server'
import { zValidator } from '@hono/zod-validator'
import { Hono } from 'hono'
import { bearerAuth } from 'hono/bearer-auth'
import { Redis } from 'ioredis'
import { z } from 'zod'

const redis = new Redis(process.env.REDIS_URL!)
const tokens = new Set([process.env.TOKEN])
const app = new Hono()

app.post('/bare', async (c) => {
  const { customer_id, resource_type, quantity } = await c.req.json()
  await redis.incrbyfloat(`usage:${customer_id}:${resource_type}`, quantity)
  return c.json({ accepted: 1 })
})

const event = z.object({
  id: z.string().optional(),
  customer_id: z.string().min(1).max(128),
  resource_type: z.string().min(1).max(128),
  quantity: z.union([z.number(), z.string().regex(/^\d+(\.\d+)?$/)]),
})

app.post(
  '/checked',
  bearerAuth({ verifyToken: (token) => tokens.has(token) }),
  zValidator('json', event),
  async (c) => {
    const { customer_id, resource_type, quantity } = c.req.valid('json')
    await redis.incrbyfloat(`usage:${customer_id}:${resource_type}`, quantity)
    return c.json({ accepted: 1 })
  },
)

serve({ fetch: app.fetch, port: Number(process.env.PORT), hostname: '127.0.0.1' }, ({ port }) => {
  console.log(`naive: http://127.0.0.1:${port}`)
})
process.once('SIGTERM', () => process.exit(0))

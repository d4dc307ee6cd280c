// The files of `public`, on Node; on Cloudflare they are the Worker's static assets.

import { fileURLToPath } from 'node:url'
import { serveStatic } from '@hono/node-server/serve-static'
import { Hono } from 'hono'

const root = fileURLToPath(new URL('../public', import.meta.url))

/** Their names have a version in them. */
const FOREVER = 'public, max-age=31536000, immutable'

// biome-ignore lint/suspicious/noExplicitAny: what Hono calls its bindings
type Fetch = (request: Request, env?: any) => Response | Promise<Response>

/** Answers with a file where there is one, else as `next` does. */
export function withFiles(next: Fetch): Fetch {
  const found = serveStatic({ root, onFound: (_, c) => c.header('cache-control', FOREVER) })
  const files = new Hono()
    .get('/docs/*', async (c, nothing) => {
      c.header('x-content-type-options', 'nosniff')
      return await found(c, nothing)
    })
    .all('*', (c) => next(c.req.raw, c.env))
  // A look at the address, so that no other request goes through a second router.
  return (request, env) => (request.url.includes('/docs/') ? files.fetch(request, env) : next(request, env))
}

// Where this server is, as its caller sees it.

import type { Context } from 'hono'
import type { Env } from './env.ts'

/** Such as `https://billing.example.org`. For what is shown only: a proxy's word for TLS is taken, whoever sent it. */
export function originOf(c: Context<Env>): string {
  const { protocol, host } = new URL(c.req.url)
  const behindTls = c.req.header('x-forwarded-proto')?.split(',')[0]?.trim().toLowerCase() === 'https'
  return `${behindTls ? 'https:' : protocol}//${host}`
}

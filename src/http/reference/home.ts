// What stands at `/`: what this is, and what to do next, with this server's own address in it.

import { html } from '../html.ts'
import { pageStyle } from './style.ts'

const WHAT =
  'Usage events in, bills out. Every accepted event counts exactly once, and a bill is exact at any instant.'
const KEY =
  'An API key comes from whoever runs this server: POST /api/v1/tenants, with ADMIN_TOKEN, makes a tenant and its first key.'

const record = (origin: string): string => `curl -X POST ${origin}/api/v1/usage \\
  -H "Authorization: Bearer tg_…" -H "Content-Type: application/json" \\
  -d '{"id": "req_1", "customer_id": "cust_42", "resource_type": "api_call",
       "quantity": 100}'`

const bill = (origin: string): string =>
  `curl ${origin}/api/v1/billing/cust_42 -H "Authorization: Bearer tg_…"`

const PLACES = [
  ['/docs', 'The reference, to read and to try.'],
  ['/openapi.json', 'The same for tools: OpenAPI 3.1.'],
  ['/errors', 'The error codes, and what to do.'],
  ['/health', 'Whether it is alive.'],
  ['/ready', 'Whether it can do its work.'],
] as const

const indented = (text: string): string => text.replaceAll(/^/gm, '  ')

export const homeText = (origin: string): string => `Tollgate: usage metering and billing.
${WHAT}

Record usage:
${indented(record(origin))}

The bill so far:
${indented(bill(origin))}

${KEY}

${PLACES.map(([path, what]) => `${`${origin}${path}`.padEnd(origin.length + 15)} ${what}`).join('\n')}
`

export const homePage = (origin: string): string =>
  html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Tollgate</title>${pageStyle}</head><body>
<h1>Tollgate</h1>
<p class="soft">${WHAT}</p>
<h2>Record usage</h2>
<pre>${record(origin)}</pre>
<h2>Read the bill so far</h2>
<pre>${bill(origin)}</pre>
<p class="soft">${KEY}</p>
<h2>Where to go</h2>
<dl>${PLACES.map(([path, what]) => html`<div><dt><a href="${path}">${path}</a></dt><dd>${what}</dd></div>`)}</dl>
</body></html>
`.text

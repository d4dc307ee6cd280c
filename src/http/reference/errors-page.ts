// Every error code with its status, what it means and what to do: where the `type` of a problem leads to.

import { type ErrorCode, errorCodes } from '../../kernel/errors.ts'
import { Html, html, inline } from '../html.ts'
import { problems } from '../problem.ts'
import { pageStyle } from './style.ts'

/** What to do, beyond what the answer itself says. */
const ADVICE: Partial<Record<ErrorCode, string>> = {
  validation_failed: '`errors` names each place and what would be right there.',
  unauthorized: 'The answer says which token to send, and how.',
  not_found: 'Its id or the address may be mistyped. What belongs to another tenant is not found, either.',
  method_not_allowed: '`Allow` names those that are possible here.',
  already_exists:
    'The same content again is a success; this was other content. The answer says what differs.',
  meaning_would_change: 'The answer says what to do instead.',
  already_priced:
    'At any time one subscription of a customer prices a meter. The answer names the other one.',
  state_conflict: 'The answer says why, and what is possible instead.',
  event_conflict:
    'Nothing of the batch was counted, or with `Prefer: handling=lenient` nothing of that event. Another event needs another `id`.',
  idempotency_in_progress: 'Send the same request again after `Retry-After` seconds.',
  idempotency_key_reused: 'Send another key with this request.',
  unknown_resource_type:
    'Nothing was counted. Create a meter for it, mend the name, or have such events kept for meters that come later: `PATCH /api/v1/settings {"unmetered": "keep"}`.',
  quantity_out_of_range: 'Nothing was counted. A total has at most 24 digits before the point.',
  batch_too_large: 'Nothing was counted. Send it in parts.',
  body_too_large: 'Send less at once: a body has at most 1 MiB.',
  unsupported_media_type: 'The answer says which Content-Type is taken.',
  backlog_full: 'Nothing was counted. Send the same request again after `Retry-After` seconds.',
  too_many_counters: 'Ask for a shorter period or for fewer customers at once.',
  store_unavailable:
    'Whether it took effect may be unknown. Send the same request again after `Retry-After` seconds: an event that has an `id` is counted once.',
  misconfigured: 'The log of whoever runs this server names the variable that is wrong.',
  internal: 'If it stays, report the `request_id`.',
}

export function errorsPage(): string {
  const page = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Error codes · Tollgate</title>${pageStyle}</head><body>
<h1>Error codes</h1>
<p class="soft">An error is a problem document (RFC 9457): <code>code</code> is for programs, <code>detail</code> says what was wrong this time, and where it can be told, <code>errors</code> says where. The rest of the API is in the <a href="/docs">reference</a>.</p>
<dl>${errorCodes.map(row)}</dl>
</body></html>
`
  return page.text
}

const row = (code: ErrorCode): Html => {
  const { status, title } = problems[code]
  return html`<div id="${code}"><dt><code>${code}</code> <span class="soft">${status}</span></dt><dd>${title}. ${new Html(inline(ADVICE[code]))}</dd></div>
`
}

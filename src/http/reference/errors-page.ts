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
  effect_changed:
    'Nothing was changed. Read the correction, which has the new figures, and apply it again if they are right.',
  before_the_log:
    'Least, greatest, latest and unique values are counted anew from the log, which must have all events of the hour. Take later hours.',
  hours_gone:
    'Usage is kept by the hour for some months, and by the day after that. Ask for windows and periods of whole days; issued invoices stay as they are.',
  events_erased: 'What was erased can’t be counted anew, or given back.',
  too_much_at_once: 'Narrow the filter, by time or customer, and make several corrections of it.',
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
  backlog_full:
    'Nothing was counted. Send the same request again after `Retry-After` seconds: counters are settled every minute. If it stays, whoever runs the server sees in `GET /api/v1/flush` what keeps them from it.',
  log_backlog_full:
    'Nothing was counted. Send the same request again after `Retry-After` seconds: events are written every minute. If it stays, whoever runs the server sees in `GET /api/v1/flush` what keeps them from it.',
  memory_full:
    'Send the same request again after `Retry-After` seconds. The memory holds the ids of events, each for its window: whoever runs the server gives it more, or makes windows shorter: `PATCH /api/v1/tenants/{id} {"dedupe_window_hours": 6}`.',
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

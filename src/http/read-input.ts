// Reads and checks what an endpoint takes.

import type { Context } from 'hono'
import { TollgateError } from '../kernel/errors.ts'
import { JSON_TYPE, readJson } from './body.ts'
import type { Endpoint, Input } from './endpoint.ts'
import type { Env } from './env.ts'
import { bodyPointer, parameterPointer, parsed } from './validate.ts'

/** A function of the request, made once for each endpoint. */
export function inputReader<Params, Query, Body>(
  endpoint: Endpoint<Params, Query, Body>,
): (c: Context<Env>) => Promise<Input<Params, Query, Body>> {
  const { params, query, body, uncheckedBody } = endpoint
  const mediaTypes = uncheckedBody ? Object.keys(uncheckedBody) : [JSON_TYPE]
  return async (c) => {
    const none = { params: undefined, query: undefined, body: undefined, mediaType: '', sent: undefined }
    const input = none as Input<Params, Query, Body>
    if ((params || query) && c.req.url.includes('%')) refuseBrokenEscapes(c.req.url)
    if (params) input.params = parsed(params, c.req.param(), 'The path', parameterPointer)
    if (query) input.query = parsed(query, queryOf(c.req.url), 'The query', parameterPointer)
    if (body || uncheckedBody) {
      const { json, mediaType } = await readJson(c, mediaTypes)
      input.mediaType = mediaType
      input.sent = json
      input.body = body ? parsed(body, json, 'The body', bodyPointer) : (json as Body)
    }
    return input
  }
}

/** A parameter that is given several times is a list. */
function queryOf(url: string): Record<string, string | string[]> {
  const query: Record<string, string | string[]> = Object.create(null)
  if (!url.includes('?')) return query
  const { searchParams } = new URL(url)
  for (const name of new Set(searchParams.keys())) {
    const values = searchParams.getAll(name)
    query[name] = values.length === 1 ? values[0]! : values
  }
  return query
}

/** Left as they are or replaced, they would name another thing than the one that was meant. */
function refuseBrokenEscapes(url: string): void {
  try {
    decodeURIComponent(url)
  } catch {
    throw new TollgateError(
      'validation_failed',
      'The address has a "%" that begins no valid escape. Send "%" itself as "%25".',
    )
  }
}

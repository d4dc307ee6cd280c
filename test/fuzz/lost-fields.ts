// What was sent and accepted must come back as it was: no name and no character of it may be lost on the way.

import { type FuzzRequest, payloadOf } from './request.ts'

/** Of texts, lists of texts, and notes; not of prices, whose decimals come back in their shortest form. */
export function lostFields(request: FuzzRequest, answer: Record<string, unknown>): string[] {
  const payload = payloadOf(request)
  if (payload === null) return []
  const sent: Record<string, unknown> = JSON.parse(new TextDecoder().decode(payload))
  return Object.entries(sent).flatMap(([name, value]) => {
    if (name === 'prices') return []
    const got = Object.hasOwn(answer, name) ? answer[name] : undefined
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      return JSON.stringify(got) === JSON.stringify(value) ? [] : [`${name} was not kept`]
    return Object.entries(value).flatMap(([note, text]) => {
      const kept = Object.hasOwn(got as object, note) ? (got as Record<string, unknown>)[note] : null
      return kept === text ? [] : [`${name}.${note} was not kept`]
    })
  })
}

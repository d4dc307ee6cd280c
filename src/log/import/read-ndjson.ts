// NDJSON: an event as JSON on each line.

import { fromCloudEvent } from '../../metering/cloud-event.ts'
import type { Wrong } from '../../metering/event.ts'
import { parsedJson } from './json.ts'
import { everyLineFeed, type SentLine } from './line.ts'
import { readLines } from './read-lines.ts'

/** What an export of events says of an event besides what was sent. */
const ADDED = ['received_at', 'meters', 'history']

/**
 * In batches that may be recorded at once. A line may be a CloudEvent. What is no JSON is said to be; what is no event, the event's schema says. An export
 * of events is read as the events in it.
 */
export async function* readNdjson(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<SentLine[]> {
  for await (const lines of readLines(chunks, everyLineFeed)) {
    const sent = lines.filter((one) => !('text' in one) || one.text.trim() !== '')
    yield sent.map((one) => ('text' in one ? parsed(one) : one))
  }
}

function parsed({ line, text }: { line: number; text: string }): SentLine {
  const result = parsedJson(text)
  if ('wrong' in result) return { line, wrong: result.wrong }
  const sent = result.json
  if (typeof sent === 'object' && sent !== null && ADDED.every((name) => Object.hasOwn(sent, name)))
    for (const name of ADDED) delete (sent as Record<string, unknown>)[name]
  return isObject(sent) && 'specversion' in sent ? cloudEvent(line, sent) : { line, sent }
}

const isObject = (sent: unknown): sent is Record<string, unknown> =>
  typeof sent === 'object' && sent !== null && !Array.isArray(sent)

/** Attributes that are null are absent, as others write them. */
function cloudEvent(line: number, sent: Record<string, unknown>): SentLine {
  const attributes = Object.entries(sent).filter(([, value]) => value !== null)
  const converted = fromCloudEvent(Object.fromEntries(attributes), '#')
  if ('event' in converted) return { line, sent: converted.event }
  const [{ pointer, detail }] = converted as [Wrong]
  return { line, wrong: `is no CloudEvent: ${pointer} ${detail}` }
}

// Server-Sent Events (the HTML standard's text/event-stream).

import type { LogEntry } from '../log/entry.ts'
import { positionText } from './routes/event-parameters.ts'

const encoder = new TextEncoder()

/** Each list as it comes; an empty one as a comment, which keeps the connection open. Ends when the caller goes. */
export function eventStream(
  lists: AsyncGenerator<LogEntry[]>,
  toJson: (entries: LogEntry[]) => Promise<unknown[]>,
): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start: (controller) => controller.enqueue(encoder.encode('retry: 1000\n\n')),
    async pull(controller) {
      const { done, value: entries } = await lists.next()
      if (done) return controller.close()
      if (entries.length === 0) return controller.enqueue(encoder.encode(':\n\n'))
      const shown = await toJson(entries)
      const messages = shown.map((one, i) => message(positionText(entries[i]!), one))
      controller.enqueue(encoder.encode(messages.join('')))
    },
    cancel: async () => void (await lists.return(undefined)),
  })
}

/** Its id goes through a header when the caller comes again: so it is ASCII. JSON has no line breaks. */
const message = (id: string, data: unknown): string =>
  `id: ${encodeURIComponent(id)}\nevent: event\ndata: ${JSON.stringify(data)}\n\n`

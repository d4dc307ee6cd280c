// From pieces to a stream. Nothing is made before it is asked for, and who stops reading stops the store.

import { CHUNK_CHARS } from './limits.ts'

/** Pulls a chunk when the reader wants one; when the reader goes away, `chunks` is ended, and with it what it reads from. */
export function streamOf(chunks: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  const iterator = chunks[Symbol.asyncIterator]()
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await iterator.next()
        if (done) controller.close()
        else controller.enqueue(value)
      },
      async cancel() {
        await iterator.return?.()
      },
    },
    { highWaterMark: 0 },
  )
}

/** UTF-8 in chunks of about CHUNK_CHARS, whatever the pages are. */
export async function* textChunks<R>(
  head: string,
  pages: AsyncIterable<readonly R[]>,
  textOf: (row: R) => string,
): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder()
  let text = head
  for await (const page of pages) {
    for (const row of page) {
      text += textOf(row)
      if (text.length < CHUNK_CHARS) continue
      yield encoder.encode(text)
      text = ''
    }
  }
  if (text !== '') yield encoder.encode(text)
}

/** Reads the first page already, so that what is wrong is known before an answer has begun. */
export async function begun<Page>(pages: AsyncGenerator<Page>): Promise<AsyncGenerator<Page>> {
  const first = await pages.next()
  async function* all(): AsyncGenerator<Page> {
    try {
      if (first.done) return
      yield first.value
      yield* pages
    } finally {
      await pages.return(undefined)
    }
  }
  return all()
}

// Unpacks gzip as it comes, a piece at a time. zlib, because DecompressionStream unpacks in workerd all that is written to it
// before anyone reads, a thousand bytes for each.

import { createGunzip } from 'node:zlib'
import { TollgateError } from '../kernel/errors.ts'

const PIECE_BYTES = 65_536

/** What is unpacked and not read yet is a few pieces at most. Throws malformed_json where it is no gzip, or is not whole. */
export async function* gunzipped(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip({ chunkSize: PIECE_BYTES })
  let failed: unknown
  const feeding = feed(chunks, gunzip).catch((error: Error) => {
    failed = error
    gunzip.destroy(error)
  })
  try {
    for await (const piece of gunzip) yield piece as Uint8Array
    await feeding
  } catch (error) {
    throw error === failed ? error : notGzip(error)
  } finally {
    // Not awaited: it may wait for a sender that sends no more.
    gunzip.destroy()
  }
}

/** The next piece when this one is unpacked and read, or nobody reads any more. */
async function feed(
  chunks: AsyncIterable<Uint8Array>,
  gunzip: ReturnType<typeof createGunzip>,
): Promise<void> {
  let goOn = () => {}
  gunzip.on('close', () => goOn())
  for await (const chunk of chunks) {
    await new Promise<void>((resolve) => {
      goOn = resolve
      if (gunzip.destroyed) resolve()
      else gunzip.write(chunk, () => resolve())
    })
    if (gunzip.destroyed) return
  }
  gunzip.end()
}

const notGzip = (internal: unknown) =>
  new TollgateError(
    'malformed_json',
    'The body is not the gzip that its Content-Encoding says, or it is not whole. Send it again, or as it is.',
    { internal },
  )

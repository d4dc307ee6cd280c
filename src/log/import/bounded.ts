// An import ends where its bound is, whatever was announced, packed or not.

import { TollgateError } from '../../kernel/errors.ts'
import { IMPORT_BYTES } from './limits.ts'

export async function* bounded(
  chunks: AsyncIterable<Uint8Array>,
  maxBytes = IMPORT_BYTES,
): AsyncGenerator<Uint8Array> {
  let bytes = 0
  for await (const chunk of chunks) {
    bytes += chunk.length
    if (bytes > maxBytes) {
      throw new TollgateError(
        'body_too_large',
        `An import has at most ${maxBytes} bytes, unpacked. Send the rest as another one: what was sent before is known by its ids.`,
      )
    }
    yield chunk
  }
}

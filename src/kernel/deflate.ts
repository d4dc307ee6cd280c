// Deflate (RFC 1951), by what both runtimes have built in.

export const deflate = (bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> =>
  through(bytes, new CompressionStream('deflate-raw'))

/** Throws for what isn't deflated data. `bytes`: our own, never a caller's: nothing bounds what it becomes. */
export const inflate = (bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> =>
  through(bytes, new DecompressionStream('deflate-raw'))

async function through(
  bytes: Uint8Array<ArrayBuffer>,
  stream: CompressionStream | DecompressionStream,
): Promise<Uint8Array<ArrayBuffer>> {
  const answer = new Response(new Response(bytes).body!.pipeThrough(stream))
  return new Uint8Array(await answer.arrayBuffer())
}

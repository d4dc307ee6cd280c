// What both bridges share: a small HTTP server on the loopback interface that takes POST requests with JSON, and can
// be told to fail as networks do.

import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/**
 * How a request goes wrong:
 *   refuse      the connection breaks before anything is applied
 *   lose_reply  it is applied, and the connection breaks before the answer
 *   twice       it is applied twice, and the second answer is given
 *   delayMs     it is applied so much later
 *   status      it is answered so, and not applied
 */
export type Fault =
  | 'refuse'
  | 'lose_reply'
  | 'twice'
  | { delayMs: number }
  | { status: number; error: string }

/** Asked before every request. May wait itself, to hold a request back until a test lets it go. */
export type FaultHookOn<Seen> = (request: Seen) => Fault | undefined | Promise<Fault | undefined>

/** `text`: JSON */
export type Answer = { status: number; text: string; headers?: Record<string, string> }

/** A request that was understood: what a fault hook sees of it, and how to apply it. */
export type Work<Seen> = { seen: Seen; apply: () => Promise<Answer> }

export type BridgeRequest = { method: string; path: string; headers: IncomingHttpHeaders; body: string }

export type Bridge<Seen> = {
  /** 0, or left out: any free one */
  port?: number | undefined
  maxBodyBytes: number
  fault?: FaultHookOn<Seen> | undefined
  /** An Answer refuses the request. */
  understand: (request: BridgeRequest) => Answer | Work<Seen>
  /** How this protocol says that something is wrong. */
  failure: (status: number, message: string) => Answer
}

const GRACE_MS = 3_000

export async function startBridgeServer<Seen>(
  bridge: Bridge<Seen>,
): Promise<{ port: number; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    serve(bridge, request, response).catch((error: Error) => {
      if (response.headersSent) response.destroy()
      else send(response, bridge.failure(500, error.message))
    })
  })
  // Idle connections are kept, as by the real services: closing one just as it is used again looks like an outage.
  server.keepAliveTimeout = 0
  server.requestTimeout = 0
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(bridge.port ?? 0, '127.0.0.1', () => resolve())
  })
  return { port: (server.address() as AddressInfo).port, close: () => closed(server) }
}

/** Requests under way are answered first, as long as they don't take too long. */
function closed(server: ReturnType<typeof createServer>): Promise<void> {
  return new Promise((resolve) => {
    const impatience = setTimeout(() => server.closeAllConnections(), GRACE_MS)
    server.close(() => {
      clearTimeout(impatience)
      resolve()
    })
    server.closeIdleConnections()
  })
}

async function serve<Seen>(
  bridge: Bridge<Seen>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const body = await read(request, bridge.maxBodyBytes)
  if (typeof body === 'number') {
    send(
      response,
      bridge.failure(
        413,
        `ERR max request size exceeded. Limit: ${bridge.maxBodyBytes} bytes, Actual: ${body}`,
      ),
    )
    return
  }
  const { method = '', url = '', headers } = request
  const work = bridge.understand({ method, path: url, headers, body })
  if ('status' in work) {
    send(response, work)
    return
  }
  const fault = await bridge.fault?.(work.seen)
  if (fault === 'refuse') {
    request.socket.destroy()
    return
  }
  if (typeof fault === 'object') {
    if ('status' in fault) {
      send(response, bridge.failure(fault.status, fault.error))
      return
    }
    await new Promise((resolve) => setTimeout(resolve, fault.delayMs))
  }
  let answer = await work.apply()
  if (fault === 'twice') answer = await work.apply()
  if (fault === 'lose_reply') request.socket.destroy()
  else send(response, answer)
}

/** The whole body; or its size, when it is too large. */
async function read(request: IncomingMessage, maxBytes: number): Promise<string | number> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request) {
    bytes += chunk.length
    if (bytes <= maxBytes) chunks.push(chunk)
  }
  return bytes > maxBytes ? bytes : Buffer.concat(chunks).toString()
}

function send(response: ServerResponse, { status, text, headers }: Answer): void {
  response.writeHead(status, {
    ...headers,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  })
  response.end(text)
}

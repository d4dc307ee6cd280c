// Draining ends, whatever comes.

import type { Context } from 'hono'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { DRAIN_BYTES, DRAIN_MS, drain } from '../../src/http/drain.ts'
import type { Env } from '../../src/http/env.ts'

afterEach(() => {
  vi.useRealTimers()
})

function contextOf(body: ReadableStream<Uint8Array> | null, headers: Record<string, string> = {}) {
  return {
    get: () => undefined,
    req: { header: (name: string) => headers[name], raw: { body } },
  } as unknown as Context<Env>
}

function streamOf(pull: (controller: ReadableStreamDefaultController<Uint8Array>) => void | Promise<void>) {
  const seen = { bytes: 0, canceled: false }
  const stream = new ReadableStream<Uint8Array>({
    pull,
    cancel() {
      seen.canceled = true
    },
  })
  return { stream, seen }
}

describe('what is left of a body', () => {
  it('is read to its end if that is near', async () => {
    let left = 10
    const { stream, seen } = streamOf((controller) => {
      if (left-- > 0) controller.enqueue(new Uint8Array(1_000))
      else controller.close()
    })
    await drain(contextOf(stream))
    expect([left, seen.canceled]).toEqual([-1, false])
  })

  it('is given up after so many bytes', async () => {
    let bytes = 0
    const { stream, seen } = streamOf((controller) => {
      controller.enqueue(new Uint8Array(65_536))
      bytes += 65_536
    })
    await drain(contextOf(stream))
    expect(seen.canceled).toBe(true)
    expect(bytes).toBeLessThanOrEqual(DRAIN_BYTES + 2 * 65_536)
  })

  it('is given up after so long, if it comes drop by drop or not at all', async () => {
    vi.useFakeTimers()
    for (const everyMs of [100, Number.POSITIVE_INFINITY]) {
      const { stream, seen } = streamOf(async (controller) => {
        await new Promise((resolve) => Number.isFinite(everyMs) && setTimeout(resolve, everyMs))
        if (!seen.canceled) controller.enqueue(new Uint8Array(1))
      })
      let ended = false
      const drained = drain(contextOf(stream)).then(() => {
        ended = true
      })
      await vi.advanceTimersByTimeAsync(DRAIN_MS - 1)
      expect(ended).toBe(false)
      await vi.advanceTimersByTimeAsync(2)
      await drained
      expect(seen.canceled).toBe(true)
    }
  })

  it('is not begun if it is announced to be more, and there may be none', async () => {
    const { stream } = streamOf(() => {})
    await drain(contextOf(stream, { 'content-length': String(DRAIN_BYTES + 1) }))
    expect(stream.locked).toBe(false)
    await drain(contextOf(null))
  })
})

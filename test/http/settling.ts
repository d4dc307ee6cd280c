// Settling over HTTP. Other suites use the same server: their runs may be at work on the partition, and their meters be filled.

import { HOUR_MS } from '../../src/kernel/time.ts'
import { caller, type Server } from './harness.ts'

const TRIES = 50

/** Settles all that was accepted by now, and what follows from it. */
export const settle = (server: Server): Promise<void> => untilFlushed(server, () => true)

/** Until no meter of anybody has more to be counted. */
export const settleAndFill = (server: Server): Promise<void> =>
  untilFlushed(
    server,
    ({ settled_segments, filling }) =>
      settled_segments === 0 && filling.counted_blocks === 0 && filling.filled_meters === 0,
  )

type Report = {
  settled_segments: number
  too_young: number
  remaining: number
  failed: unknown[]
  leased_partitions: number[]
  filling: { counted_blocks: number; filled_meters: number }
}

async function untilFlushed(server: Server, isDone: (report: Report) => boolean): Promise<void> {
  const admin = caller(server, server.adminToken)
  let last: Report | undefined
  for (let tries = 0; tries < TRIES; tries++) {
    const { body } = await admin('POST', '/api/v1/flush')
    const { leased_partitions: leased, too_young: young, remaining, failed } = body as Report
    last = body
    if (leased.length + young + remaining + failed.length > 0)
      await new Promise((resolve) => setTimeout(resolve, 100))
    else if (isDone(body)) return
  }
  throw new Error(`Nothing was settled by ${TRIES} runs, the last of which was ${JSON.stringify(last)}`)
}

/** The beginning of the hour that is so many hours ago. */
export const hours = (ago: number): string =>
  new Date(Math.floor(Date.now() / HOUR_MS) * HOUR_MS - ago * HOUR_MS).toISOString()

/** A day and the hours around now, as a query. */
export const aroundNow = (): string => `from=${hours(24)}&to=${hours(-1)}`

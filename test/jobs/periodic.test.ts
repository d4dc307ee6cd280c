// When the jobs look after the event log: once an hour, and again as long as there is more to do.

import { expect, it } from 'vitest'
import { periodicJobs } from '../../src/jobs/periodic.ts'
import { HOUR_MS } from '../../src/kernel/time.ts'
import { EXPIRED_PER_RUN } from '../../src/log/limits.ts'

const EVERY_MS = 60_000
const NOON = Date.UTC(2026, 10, 29, 12)

it('what is too old is looked for once an hour, and in the next run where one was not enough', async () => {
  let nowMs = NOON
  let listed = 0
  const looked: number[] = []
  const lines: string[] = []
  const services = {
    clock: () => nowMs,
    limits: { keepSettledMs: 0 },
    counters: { partitions: 0 },
    blocks: { kind: 'folder', list: async () => [], remove: async () => {} },
    replays: { fillingMeters: async () => [] },
    accounts: { claimDue: async () => [] },
    logDays: 1,
    retention: {
      expired: async () => {
        looked.push((nowMs - NOON) / EVERY_MS)
        const names = Array.from({ length: listed }, (_, i) => `s/t/${i}`)
        listed = 0
        return [{ tenantId: 't', configVersion: '1', names, toMicros: 1 }]
      },
      expire: async ({ names }: { names: string[] }) => names,
      sweptTo: async () => '',
      noteSwept: async () => {},
    },
  }
  const jobs = periodicJobs(services as unknown as Parameters<typeof periodicJobs>[0], {
    log: (line) => lines.push(line),
    everyMs: EVERY_MS,
    allAtStart: false,
  })
  for (; nowMs < NOON + 3 * HOUR_MS; nowMs += EVERY_MS) {
    if (nowMs === NOON + HOUR_MS) listed = EXPIRED_PER_RUN
    await jobs()
  }
  expect(looked).toEqual([5, 65, 66, 125])
  expect(lines.filter((line) => line.startsWith('event log'))).toEqual([
    `event log: removed ${EXPIRED_PER_RUN} blocks for their age; more are too old`,
  ])
})

// Actor: the aggregator runs, on time, late, or while another run is still at it.

import fc from 'fast-check'
import { flush as runFlush } from '../../../src/metering/flush.ts'
import { laws, Violation } from '../violation.ts'
import { operation, pace, some } from './operation.ts'

export const flush = operation({
  name: 'flush',
  weight: 12,
  arbitrary: fc.record({
    isolate: some,
    leaseMs: fc.constantFrom(0, 30_000),
    retryQuarantined: fc.boolean(),
    /** how long nothing has run */
    afterMs: fc.constantFrom(0, 60_000, 76_000, 76_000, 76_000, 300_000, 3_600_000),
    pace,
  }),
  async run(world, { isolate, leaseMs, retryQuarantined, afterMs, pace }) {
    world.wait(afterMs)
    const { services } = world.isolate(isolate)
    await world.start('flush', world.isolate(isolate), pace, async () => {
      const report = await runFlush(services, { leaseMs, retryQuarantined })
      const refused = report.quarantined.find(({ reason }) => !reason.includes('missing'))
      if (refused) throw new Violation(laws.drains, `Postgres refused a segment: ${refused.reason}`)
    })
  },
})

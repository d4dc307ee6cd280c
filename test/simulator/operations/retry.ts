// Actor: a client sends a batch again, because it heard no answer, or for no reason at all.

import fc from 'fast-check'
import { operation, pace, some } from './operation.ts'
import { isKnownYet, sendBatch } from './send.ts'

export const retry = operation({
  name: 'retry',
  weight: 12,
  arbitrary: fc.record({
    isolate: some,
    which: some,
    answeredToo: fc.boolean(),
    deaf: fc.constantFrom(false, false, false, true),
    pace,
  }),
  async run(world, { isolate, which, answeredToo, deaf, pace }) {
    const candidates = world.oracle.batches.filter(
      ({ answered, retriable, firstSentMs }) =>
        retriable && (answeredToo || !answered) && isKnownYet(world, firstSentMs),
    )
    // The newest ones first: it is soon after that most retries come.
    const batch = candidates.at(-1 - (which % Math.max(candidates.length, 1)))
    if (batch) await sendBatch(world, world.isolate(isolate), batch, { deaf, pace })
  },
})

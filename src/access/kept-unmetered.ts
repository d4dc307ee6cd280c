// Whether a tenant may have its unmetered events kept: there must be something that keeps them.

import { TollgateError } from '../kernel/errors.ts'
import type { Unmetered } from '../metering/meter.ts'

export type LogServices = {
  /** whether accepted events are kept in a log */
  logKept: boolean
}

/** Throws validation_failed. */
export function refuseUnlogged({ logKept }: LogServices, wanted: Unmetered | undefined): void {
  if (logKept || wanted !== 'keep') return
  throw new TollgateError('validation_failed', 'This server keeps no log of events (EVENT_LOG is off).', {
    issues: [
      {
        pointer: '#/unmetered',
        detail:
          'must be "refuse": without a log, an event that no meter takes would be accepted and be nowhere',
      },
    ],
  })
}

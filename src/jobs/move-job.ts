// Ending moves of tenants, as the cron and Node's timer do it.

import { newId } from '../kernel/ids.ts'
import type { MoveServices } from '../metering/placement/move-tenant.ts'
import { tendFormer } from '../metering/placement/tend-former.ts'
import { failureText, plural } from './job-text.ts'

/** One run, with one line of what it did if it did anything. Never throws: the next run takes up what this one left. */
export async function moveJob(services: MoveServices, log: (line: string) => void): Promise<void> {
  try {
    const { frozen, dropped, failed } = await tendFormer(services, newId)
    const parts = [
      frozen > 0 && `${plural(frozen, 'former partition')} frozen`,
      dropped > 0 && `${plural(dropped, 'former partition')} asked no more`,
      failed.length > 0 &&
        `FAILED, the next run tries again: ${failed.map(({ tenantId, reason }) => `${tenantId} (${failureText(reason)})`).join(', ')}`,
    ].filter((part) => part !== false)
    if (parts.length > 0) log(`moves: ${parts.join('; ')}`)
  } catch (error) {
    log(`moves: failed, the next run goes on where it stopped: ${failureText(error)}`)
  }
}

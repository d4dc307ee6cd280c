// Notes of acts in Redis: in the tenant's first home. A home that was left keeps what it has as long as it is of use, and offering again
// reads all of them (log/merge-notes.ts).

import { ACT_NOTE_BYTES, ACT_NOTES } from '../../log/limits.ts'
import type { ActNotes } from '../../log/offered-ports.ts'
import type { Limits } from '../../metering/limits.ts'
import type { Placement } from '../../metering/placement/placement.ts'
import type { asking } from './asking.ts'
import type { Databases } from './databases.ts'
import { actsIn, notedArguments, slotOf } from './noted-acts.ts'
import { orEndless } from './record-call.ts'
import { actsNoted, noteActs, notedActs, offerActs } from './scripts/acts.ts'

const firstHome = ({ home }: Placement): number[] => home.slice(0, 1)

export function actNotes(databases: Databases, asked: ReturnType<typeof asking>, limits: Limits): ActNotes {
  return {
    async actsNoted(tenantId) {
      const [answer] = await asked(actsNoted, tenantId, [tenantId], firstHome)
      const [mark, to] = answer!.reply as [string, string]
      return { mark, toMicros: Number(to) }
    },
    async noteActs(tenantId, { notes, waiting }, mark) {
      const to = Math.max(0, ...notes.map(({ at }) => Number(at)))
      const bounds = [String(ACT_NOTES), String(ACT_NOTE_BYTES)]
      const args = [tenantId, orEndless(limits.keepSettledMs), mark, ...bounds, String(to)]
      const slots = waiting.map(({ correction, kind }) => slotOf(correction, kind))
      const all = [...args, String(slots.length), ...slots, ...notes.flatMap(notedArguments)]
      const [answer] = await asked(noteActs, tenantId, all, firstHome)
      return answer!.reply === 'OK'
    },
    offerActs: async (partition) => (await databases.run(offerActs, partition, [])) as string[],
    async notedActs(partition, tenantId, after, limit) {
      const args = [tenantId, String(after), String(limit)]
      return actsIn(tenantId, (await databases.run(notedActs, partition, args)) as string[])
    },
  }
}

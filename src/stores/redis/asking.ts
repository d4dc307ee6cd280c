// Asking all partitions of a tenant that may hold something, by one placement that none of them knows to be overtaken.

import { TollgateError } from '../../kernel/errors.ts'
import { Moved, placed } from '../../metering/placement/placed.ts'
import { everywhere, type Placement, parsePlacement } from '../../metering/placement/placement.ts'
import type { Placements } from '../../metering/placement/ports.ts'
import type { Reply, Script } from './connection.ts'
import type { Databases } from './databases.ts'
import { stampOf } from './record-together.ts'
import { knownPlacements } from './scripts/placement.ts'

type Answer<Noted> = { reply: Reply; noted: Noted }

/** `script`: made by `placedScript`. `of`: which partitions are asked. `note`: what is to be known of one as the question goes out. */
export function asking(databases: Databases, placements: Placements) {
  return <Noted = undefined>(
    script: Script,
    tenantId: string,
    args: string[],
    of: (placement: Placement) => number[] = everywhere,
    note: (partition: number) => Noted = () => undefined as Noted,
  ): Promise<Answer<Noted>[]> =>
    placed(placements, tenantId, async (placement) => {
      const stamp = stampOf(placement)
      const replies = await Promise.all(
        of(placement).map(async (partition) => {
          const noted = note(partition)
          return { reply: await databases.run(script, partition, [...args, ...stamp]), noted }
        }),
      )
      return replies.map(({ reply }) => movedIn(reply)).find((moved) => moved !== null) ?? replies
    })
}

/** Has Postgres learn all that a partition knows of where tenants are. */
export async function tellPlacements(
  databases: Databases,
  placements: Placements,
  partition: number,
): Promise<void> {
  for (let cursor: string | null = '0'; cursor !== null; ) {
    const reply = (await databases.run(knownPlacements, partition, [cursor])) as string[]
    const [next, ...known] = reply as [string, ...string[]]
    for (let i = 0; i < known.length; i += 2)
      await placements.learn(known[i]!, parsePlacement(known[i + 1]!)).catch(unlessUnknown)
    cursor = next === '0' ? null : next
  }
}

/** A tenant that was made since is gone with all that Postgres had of it. */
function unlessUnknown(error: unknown): void {
  if (!(error instanceof TollgateError && error.code === 'not_found')) throw error
}

/** As scripts/placement.ts says it. */
function movedIn(reply: Reply): Moved | null {
  const first = Array.isArray(reply) ? reply[0] : null
  return Array.isArray(first) && first[0] === 'moved' ? new Moved(first[1] as string) : null
}

// Whether what was erased is gone: from every block there is, past the index and every wire.

import { sql } from 'drizzle-orm'
import { bytesOfBase64 } from '../../src/kernel/base64.ts'
import { readBlock } from '../../src/log/block.ts'
import { laws, Violation } from './violation.ts'
import type { World } from './world.ts'

export async function checkBlocks(world: World): Promise<void> {
  const { postgres, erasures, tenants } = world
  if (erasures.asked.length === 0) return
  const open = await postgres.look<{ id: string }>(
    sql`select id::text as id from erasures where done_at is null`,
  )
  if (open.length > 0) throw new Violation(laws.erased, `of erasure ${open[0]!.id} something is left`)
  const blocks = await postgres.look<{ name: string; content: string }>(
    sql`select name, translate(encode(content, 'base64'), chr(10), '') as content from log_contents`,
  )
  for (const { name, content } of blocks) {
    const tenant = tenants.find(({ id }) => id === name.split('/')[1])!.number
    const isErased = erasures.standing(tenant)
    const left = readBlock(bytesOfBase64(content)).entries.find(isErased)
    if (left) throw new Violation(laws.erased, `${left.id} of ${left.customerId} is in the block ${name}`)
  }
}

// Blocks in Postgres, beside their index. Contents travel as base64, which every driver takes alike; a statement and its
// answer are bounded in bytes.

import { sql } from 'drizzle-orm'
import { base64, bytesOfBase64 } from '../../kernel/base64.ts'
import type { BlockStore, NewBlock, StoredBlock } from '../../log/block-store.ts'
import type { Db } from '../postgres/db.ts'
import { query } from '../postgres/failure.ts'
import { lines } from '../postgres/lines.ts'
import { checkAfter, checkBlocks, checkContent, checkName } from './block-name.ts'
import { NAMES_PER_STATEMENT, STATEMENT_BYTES } from './limits.ts'

export class PostgresBlockStore implements BlockStore {
  readonly kind = 'postgres'
  readonly #db: Db
  readonly #names: number

  /** `names`: in one statement. */
  constructor(db: Db, { names = NAMES_PER_STATEMENT }: { names?: number } = {}) {
    this.#db = db
    this.#names = names
  }

  async put(blocks: NewBlock[]): Promise<void> {
    checkBlocks(blocks)
    // In the order of their names, as they are unnested: two that lock the same names in different orders would deadlock.
    for (const some of statements(blocks, this.#names))
      await query(
        this.#db,
        sql`
        insert into log_contents (name, content)
        select name, decode(coalesce(content, ''), 'base64')
        from (select
          unnest(${lines(some.map(({ name }) => name))}) as name,
          unnest(${lines(some.map(({ content }) => base64(content)))}) as content
        ) as sent
        on conflict (name) do nothing`,
      )
  }

  async get(names: string[]): Promise<(StoredBlock | null)[]> {
    names.forEach(checkName)
    const found = new Map<string, StoredBlock>()
    let asked = [...new Set(names)]
    while (asked.length > 0) {
      const some = asked.slice(0, this.#names)
      const left: string[] = []
      for (const { name, version, content } of await this.#read(some)) {
        if (content === null) left.push(name)
        else found.set(name, { content: bytesOfBase64(content), version })
      }
      asked = [...left, ...asked.slice(this.#names)]
    }
    return names.map((name) => found.get(name) ?? null)
  }

  /** Contents up to the bound, and of one that is over it alone; null: not in this answer. What isn't there has no row. */
  #read(names: string[]): Promise<ContentRow[]> {
    return query<ContentRow>(
      this.#db,
      sql`
      select name, version, case when place = 1 or bytes <= ${STATEMENT_BYTES}::bigint
        then translate(encode(content, 'base64'), chr(10), '') end as content
      from (
        select name, version::text as version, content, row_number() over in_order as place,
          sum(octet_length(content)) over in_order as bytes
        from unnest(${lines(names)}) as asked (name) join log_contents using (name)
        window in_order as (order by name collate "C" rows unbounded preceding)
      ) as found
      order by place`,
    )
  }

  async replace(name: string, version: string, content: Uint8Array): Promise<boolean> {
    checkName(name)
    checkContent(content)
    const replaced = await query(
      this.#db,
      sql`
      update log_contents set content = decode(${base64(content)}::text, 'base64'), version = gen_random_uuid()
      where name = ${name}::text and version::text = ${version}::text
      returning '1' as one`,
    )
    return replaced.length > 0
  }

  async remove(names: string[]): Promise<void> {
    names.forEach(checkName)
    for (let at = 0; at < names.length; at += this.#names)
      await query(
        this.#db,
        sql`
        with listed as (
          select name from log_contents
          where name = any(${lines(names.slice(at, at + this.#names))})
          order by name for update
        )
        delete from log_contents using listed where log_contents.name = listed.name`,
      )
  }

  async list(after: string, limit: number): Promise<{ name: string; createdMs: number }[]> {
    checkAfter(after)
    const found = await query<{ name: string; created_ms: string }>(
      this.#db,
      sql`
      select name, floor(extract(epoch from created_at) * 1000)::bigint::text as created_ms
      from log_contents where name > ${after}::text order by name limit ${limit}::int`,
    )
    return found.map((row) => ({ name: row.name, createdMs: Number(row.created_ms) }))
  }
}

type ContentRow = { name: string; version: string; content: string | null }

/** The blocks in the order of their names, in runs of which each is one statement. */
function statements(blocks: NewBlock[], names: number): NewBlock[][] {
  const runs: NewBlock[][] = []
  let bytes = 0
  for (const block of [...blocks].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))) {
    const run = runs.at(-1)
    const size = block.content.length + block.name.length
    if (run === undefined || run.length === names || bytes + size > STATEMENT_BYTES) {
      runs.push([block])
      bytes = size
    } else {
      run.push(block)
      bytes += size
    }
  }
  return runs
}

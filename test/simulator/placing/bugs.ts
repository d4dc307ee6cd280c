// Bugs of moves: the real scripts and statements with a part replaced.

import type { Bug } from '../bug.ts'
import { replaced } from '../bugs/replaced.ts'

/** A replacement that finds nothing to replace is an error. */
const without = (what: string, by: string) => (text: string) => text.replaceAll(what, () => by)

/** The statement by which Postgres takes over what a partition knows, with a part replaced; it has to have it. */
const adopting = (what: RegExp, by: string) => (statement: string) => {
  if (!statement.includes('placements.version <= ')) return statement
  if (!what.test(statement)) throw new Error(`The statement that takes over a placement has no ${what}`)
  return statement.replace(what, by)
}

export const placingBugs: Bug[] = [
  {
    name: 'frozen in a step of its own',
    what: 'a home that was left is frozen by the mover alone; who asks it for ids does not freeze it',
    scripts: {
      'look-up-ids': without(
        `if is_news(meta[2], version) then redis.call('HSET', META, 'p:' .. tenant, ARGV[2] .. ' ' .. ARGV[3] .. ' ' .. ARGV[4]) end`,
        '',
      ),
    },
  },
  {
    name: 'former homes are not asked',
    what: 'an id is looked up in the home alone',
    scripts: {
      'look-up-ids': without(
        'local known, letters = look_up(tenant, alive, ids), {}',
        'local known, letters = {}, {}',
      ),
    },
  },
  {
    name: 'a bill by an old placement',
    what: 'a read takes what a partition has, though that knows of a later placement',
    scripts: { 'read-live': without(`if later_placement then return {{'moved', later_placement}} end`, '') },
  },
  {
    name: 'the version alone is learned',
    what: 'a Postgres that was put back learns from a partition how far placements are, and not where the tenant is',
    sql: adopting(
      /placement = excluded\.placement/,
      `placement = placements.placement || jsonb_build_object('version', excluded.version, 'nonce', excluded.nonce)`,
    ),
  },
  {
    name: 'only callers are heard',
    what: 'offering kept segments again does not ask what partitions know of where tenants are',
    counters: (real) => replaced(real, { tellPlacements: async () => {} }),
  },
  {
    name: 'a version without a nonce',
    what: 'placements of one version are taken for one, though a Postgres that was put back wrote one of them',
    nonce: () => 'n',
    sql: adopting(
      /placements\.version <= (\$\d+::bigint) and placements\.nonce <> (\$\d+::text)/,
      'placements.version < $1 and $2 is not null',
    ),
  },
]

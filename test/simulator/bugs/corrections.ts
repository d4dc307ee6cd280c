// Bugs of corrections.

import type { Bug } from '../bug.ts'
import { replaced } from './replaced.ts'

const ENTERING = 'as overtaken'

/** The statement that enters an act, with each of these parts replaced; it has to have them. */
const entering =
  (...parts: [what: RegExp, by: string][]) =>
  (statement: string): string => {
    if (!statement.includes(ENTERING)) return statement
    return parts.reduce((changed, [what, by]) => {
      if (!what.test(changed)) throw new Error(`The statement that enters an act has no ${what}`)
      return changed.replace(what, by)
    }, statement)
  }

const ANY_STATE: [RegExp, string] = [
  /(and id = \$\d+::uuid) and state = (\$\d+::text)(\s+for update)/,
  '$1 and $2 is not null$3',
]
const ANY_LEDGER: [RegExp, string] = [
  /ledger = (\$\d+::uuid) and config_version/,
  '$1 is not null and config_version',
]
const ANY_ROWS: [RegExp, string] = [
  /case when moved = 1 and \(stale > 0 or/,
  'case when false and (stale > 0 or',
]
const ANY_MARK: [RegExp, string] = [/kind <> 'add' and now_mark is distinct from mark/, 'false']

export const correctionBugs: Bug[] = [
  {
    name: 'a correction applied twice',
    what: 'an act is entered whatever state its correction is in, and whatever came before it',
    sql: entering(ANY_STATE, ANY_LEDGER, ANY_ROWS),
  },
  {
    name: 'computed on an old ledger',
    what: 'an act is entered though another came between, which it was not computed with',
    sql: entering(ANY_LEDGER),
  },
  {
    name: 'unchanged by its value',
    what: 'a row that was counted anew is written whatever was settled into it meanwhile',
    sql: entering(ANY_MARK),
  },
  {
    name: 'counts what adds only',
    what: 'a correction leaves what is counted anew as it was',
    corrections: (real) =>
      replaced(real, {
        enter: (tenantId, act) => {
          const changes = act.changes.filter(({ kind }) => kind === 'added')
          return real.enter(tenantId, { ...act, changes, marked: [] })
        },
      }),
  },
]

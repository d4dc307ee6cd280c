// Bugs of corrections that come back when Postgres was put back.

import type { NoteKind } from '../../../src/log/offered-ports.ts'
import type { Bug } from '../bug.ts'
import { replaced } from './replaced.ts'

/** Notes of these kinds never reach Redis. */
const without =
  (...kinds: NoteKind[]): NonNullable<Bug['counters']> =>
  (real) =>
    replaced(real, {
      noteActs: (tenantId, { notes, waiting }, mark) =>
        real.noteActs(tenantId, { notes: notes.filter(({ kind }) => !kinds.includes(kind)), waiting }, mark),
    })

export const offeredBugs: Bug[] = [
  {
    name: 'acts not noted',
    what: 'a correction that was applied is answered without a note of it',
    counters: without('apply'),
  },
  {
    name: 'what waits not noted',
    what: 'a correction that waits for its event is answered without a note of it',
    counters: without('want'),
  },
]

// Instants as Postgres reads them: infinities are instants there, too.

import { rfc3339 } from '../../kernel/time.ts'

export function instantText(ms: number): string {
  if (Number.isFinite(ms)) return rfc3339(ms)
  return ms < 0 ? '-infinity' : 'infinity'
}

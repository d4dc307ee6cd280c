// Erasures as Redis notes them: one text each.

import type { NewErasure } from '../../log/erasure-ports.ts'

const SEPARATOR = '\x1f'

/** As scripts/erasures.ts takes them. */
export const notedArguments = ({ id, tenantId, customerId, byMicros }: NewErasure): string[] => [
  tenantId,
  String(byMicros),
  [tenantId, customerId, id].join(SEPARATOR),
]

/** `flat`: text, µs, text, µs … */
export function erasuresIn(flat: string[]): NewErasure[] {
  const erasures: NewErasure[] = []
  for (let i = 0; i < flat.length; i += 2) {
    const [tenantId, customerId, id] = flat[i]!.split(SEPARATOR) as [string, string, string]
    erasures.push({ id, tenantId, customerId, byMicros: Number(flat[i + 1]) })
  }
  return erasures
}

// Doing something by a tenant's placement: whichever partition knows a later one refuses and hands it over, and then all is done
// anew from the beginning.

import { TollgateError } from '../../kernel/errors.ts'
import { type Placement, parsePlacement } from './placement.ts'
import type { Placements } from './ports.ts'

/** A partition refused, and this is what it knows. */
export class Moved {
  readonly placement: Placement

  constructor(known: string) {
    this.placement = parsePlacement(known)
  }
}

/** Each try that is refused learns something newer. */
const TRIES = 8

export async function placed<T>(
  placements: Placements,
  tenantId: string,
  attempt: (placement: Placement) => Promise<T | Moved>,
): Promise<T> {
  for (let tries = 0; tries < TRIES; tries++) {
    const result = await attempt(await placements.of(tenantId))
    if (!(result instanceof Moved)) return result
    await placements.learn(tenantId, result.placement)
  }
  throw new TollgateError(
    'store_unavailable',
    'The tenant is being moved again and again at this moment. Send the same request again.',
    { retryAfterSeconds: 1 },
  )
}

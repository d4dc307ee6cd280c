// Makes a failing request smaller while it fails in the same way.

import { places } from './json-text.ts'
import { copy, type FuzzRequest } from './request.ts'

const TRIES_MAX = 80

export async function minimised(
  request: FuzzRequest,
  complaint: string,
  judged: (request: FuzzRequest) => Promise<string[]>,
): Promise<FuzzRequest> {
  const kind = kindOf(complaint)
  let least = request
  let tries = 0
  for (let shrunk = true; shrunk && tries < TRIES_MAX; ) {
    shrunk = false
    for (const smaller of smallerThan(least)) {
      if (tries++ >= TRIES_MAX) break
      if (!(await judged(smaller)).some((one) => kindOf(one) === kind)) continue
      least = smaller
      shrunk = true
      break
    }
  }
  return least
}

/** Without what is of this one request. */
export const kindOf = (complaint: string): string =>
  complaint.replace(/[0-9a-f-]{36}|o[abs][0-9a-z]{6}\w*|\d+/g, '').slice(0, 60)

function* smallerThan(request: FuzzRequest): Iterable<FuzzRequest> {
  for (const list of ['query', 'headers'] as const) {
    for (const i of request[list].keys()) {
      if (request[list][i]![0] === 'authorization') continue
      const smaller = copy(request)
      smaller[list].splice(i, 1)
      yield smaller
    }
  }
  if (request.framing === 'chunked') yield { ...copy(request), framing: 'length' }
  if (request.body === null || request.payload !== null) return
  const count = places(request.body).length
  for (let i = 1; i < count; i++) {
    const smaller = copy(request)
    places(smaller.body!)[i]!.set(undefined)
    yield smaller
  }
}

// What keeps each request that came with an Idempotency-Key, and its answer. Of several requests with one key, one at a time
// executes; one that died, or failed on our side, is executed again by the next, from the same seed: so it makes the
// same ids, and what it had done already is not done twice.

/** One that has not answered for so long is taken to be dead. */
export const HOLD_SECONDS = 60
/** An answer is kept so long, at least. */
export const KEEP_HOURS = 24
/** Of an answer as it is stored; a longer one is not. */
export const ANSWER_CHARS = 1_048_576

/** A request: `scope` is whose keys these are, and of the key itself there is only the hash. */
export type KeyedRequest = { scope: string; keyHash: string; fingerprint: string }

/** The right to execute a request. `attempt` tells it from the one that was taken over. */
export type Claim = KeyedRequest & { seed: string; attempt: number }

export type ClaimOutcome =
  | { kind: 'claimed'; claim: Claim }
  | { kind: 'answered'; seed: string; answer: string }
  /** another request holds the claim */
  | { kind: 'in_progress' }
  /** the key belongs to a request with another fingerprint */
  | { kind: 'reused' }

export interface IdempotencyStore {
  /** Also forgets a few of the requests that need not be kept any more, so that no job has to. */
  claim(request: KeyedRequest): Promise<ClaimOutcome>
  /** Keeps the answer, unless there is one. */
  finish(claim: Claim, answer: string): Promise<void>
  /** Lets the next request execute again, from the same seed, unless one does already. */
  release(claim: Claim): Promise<void>
}

// Requests that fail in passing, made again a few times.

import { FIRST_PAUSE_MS, REQUEST_TRIES } from './limits.ts'

/** Fails with the last try's failure, or with the first that `passing` takes for lasting. */
export async function withTries<Result>(
  passing: (error: unknown) => boolean,
  work: () => Promise<Result>,
): Promise<Result> {
  for (let tried = 1; ; tried++) {
    try {
      return await work()
    } catch (error) {
      if (tried === REQUEST_TRIES || !passing(error)) throw error
      // Not all of those that failed together again at one instant.
      await pause(FIRST_PAUSE_MS * 2 ** (tried - 1) * (0.5 + Math.random()))
    }
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

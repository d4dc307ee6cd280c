// A binding of the Worker throws plain errors, and waits for ever.

import { outOfReach } from './out-of-reach.ts'

/** Gives the same as `work`, or fails within a bounded time. */
export async function within<Result>(timeoutMs: number, work: () => Promise<Result>): Promise<Result> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`There was no answer within ${timeoutMs} ms`)), timeoutMs)
  })
  try {
    return await Promise.race([work(), late])
  } catch (error) {
    throw outOfReach(error)
  } finally {
    clearTimeout(timer)
  }
}

import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { againAndAgain, MORE_MS } from '../../src/jobs/again-and-again.ts'

const EVERY_MS = 60_000

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

it('jobs are run every so often, and again soon where they have left more', async () => {
  const ran: number[] = []
  const beganMs = Date.now()
  const more = [false, true, true, false, false]
  const end = againAndAgain(async () => {
    ran.push(Date.now() - beganMs)
    return { more: more.shift()! }
  }, EVERY_MS)
  await vi.advanceTimersByTimeAsync(4 * EVERY_MS)
  const second = 2 * EVERY_MS
  expect(ran).toEqual([
    EVERY_MS,
    second,
    second + MORE_MS,
    second + 2 * MORE_MS,
    second + 2 * MORE_MS + EVERY_MS,
  ])
  await end()
})

it('the end waits for the run under way, after which there is no other', async () => {
  let runs = 0
  let finish = () => {}
  const end = againAndAgain(async () => {
    runs++
    await new Promise<void>((resolve) => {
      finish = resolve
    })
    return { more: true }
  }, EVERY_MS)
  await vi.advanceTimersByTimeAsync(EVERY_MS)
  let ended = false
  const ending = end().then(() => {
    ended = true
  })
  await vi.advanceTimersByTimeAsync(EVERY_MS)
  expect(ended).toBe(false)
  finish()
  await ending
  await vi.advanceTimersByTimeAsync(5 * EVERY_MS)
  expect(runs).toBe(1)
})

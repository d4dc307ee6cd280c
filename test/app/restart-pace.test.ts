import { expect, it } from 'vitest'
import { RestartPace } from '../../src/restart-pace.ts'

it('replaces the first process that ends at once, the next ones ever later, and the first of another minute at once again', () => {
  const pace = new RestartPace()
  expect([0, 0, 0, 0].map((nowMs) => pace.delayMs(nowMs))).toEqual([0, 500, 1_000, 2_000])
  for (let i = 0; i < 20; i++) pace.delayMs(0)
  expect(pace.delayMs(0)).toBe(30_000)
  expect(pace.delayMs(90_001)).toBe(0)
})

// Two runs over one world, their store calls in an order that is chosen.

import { intercept, interceptedLog, type World } from './world.ts'

/** All orders in which the steps of two runs can follow each other. */
export function interleavings(a: number, b: number): ('a' | 'b')[][] {
  if (a === 0) return [Array(b).fill('b')]
  if (b === 0) return [Array(a).fill('a')]
  return [
    ...interleavings(a - 1, b).map((rest) => ['a' as const, ...rest]),
    ...interleavings(a, b - 1).map((rest) => ['b' as const, ...rest]),
  ]
}

/** Lets the runs make one store call each time it is their turn; what is left runs freely when the order is over. */
export async function runInOrder(
  world: World,
  order: ('a' | 'b')[],
  runs: { a: (of: World) => Promise<unknown>; b: (of: World) => Promise<unknown> },
  /** Calls to the log wait for their turn, too. */
  { logToo = false }: { logToo?: boolean } = {},
): Promise<{ a: unknown; b: unknown }> {
  const waiting: { a?: () => void; b?: () => void } = {}
  let arrived = () => {}
  let free = false
  const turn = (who: 'a' | 'b') => async (_name: string, call: () => Promise<unknown>) => {
    if (!free) {
      await new Promise<void>((resolve) => {
        waiting[who] = resolve
        arrived()
      })
    }
    try {
      return await call()
    } finally {
      arrived()
    }
  }
  const worldOf = (who: 'a' | 'b'): World => {
    const stores = {
      counters: intercept(world.counters, turn(who)),
      usage: intercept(world.usage, turn(who)),
    }
    return { ...world, ...stores, ...(logToo && interceptedLog(world, turn(who))) }
  }
  const done = { a: false, b: false }
  const start = (who: 'a' | 'b') =>
    runs[who](worldOf(who)).finally(() => {
      done[who] = true
      arrived()
    })
  const results = Promise.all([start('a'), start('b')])
  const settledState = () => (waiting.a || done.a) && (waiting.b || done.b)
  const quiet = async () => {
    while (!settledState())
      await new Promise<void>((resolve) => {
        arrived = resolve
      })
  }
  for (const who of order) {
    await quiet()
    const go = waiting[who]
    if (!go) continue
    delete waiting[who]
    go()
  }
  await quiet()
  free = true
  waiting.a?.()
  waiting.b?.()
  const [a, b] = await results
  return { a, b }
}

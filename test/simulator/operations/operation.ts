// An operation of a schedule: plain data that fast-check draws and shrinks, and what it does. It must bear the removal of any
// other operation: it names what it works on by a number, taken modulo what is there.

import fc from 'fast-check'
import { type Fate, fates } from '../network.ts'
import type { Pace } from '../stage.ts'
import type { World } from '../world.ts'

/** `In`: the world that it works in. */
export type Operation<Input, In = World> = {
  name: string
  /** how often it is drawn, against the others */
  weight: number
  arbitrary: fc.Arbitrary<Input>
  run(world: In, input: Input): Promise<void>
}

export const operation = <Input, In = World>(given: Operation<Input, In>): Operation<Input, In> => given

export type Drawn<A> = A extends fc.Arbitrary<infer Input> ? Input : never

/** Which of whatever there is. */
export const some = fc.nat(399)

export const fate = fc.oneof(
  { weight: 6, arbitrary: fc.constant('ok' as const) },
  { weight: 4, arbitrary: fc.constantFrom(...fates) },
)

/** How an actor's calls go: see World. */
export const pace: fc.Arbitrary<Pace> = fc.oneof(
  { weight: 2, arbitrary: fc.constant<Pace>({ fates: [], rest: 'ok' }) },
  {
    weight: 3,
    arbitrary: fc.record({
      fates: fc.array(fc.constant<Fate>('ok'), { maxLength: 4, size: 'max' }),
      rest: fc.constant('parked' as const),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      fates: fc.array(fate, { minLength: 1, maxLength: 5, size: 'max' }),
      rest: fc.constant('ok' as const),
    }),
  },
)

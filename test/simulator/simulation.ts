// A kind of simulation: what its schedules begin with, the operations that they are drawn from, and their end, when all
// faults are lifted and the books have to be right.

import fc from 'fast-check'
import type { Bug } from './bug.ts'
import type { Operation } from './operations/operation.ts'
import { VirtualTime } from './random.ts'
import type { Stage } from './stage.ts'
import type { FarEnds } from './stores.ts'

export type Step = { op: string; input: unknown }
export type Schedule = { setup: unknown; steps: Step[] }

export type Simulation = {
  /** what `npm run simulate` is told to run it */
  flags: string
  schedules(steps: number): fc.Arbitrary<Schedule>
  /** Throws a Violation. What happened, call by call, is in `log` then. */
  run(schedule: Schedule, ends: FarEnds, bug?: Bug, log?: string[]): Promise<void>
}

type Kind<Setup, World extends Stage> = {
  flags: string
  setup: fc.Arbitrary<Setup>
  // biome-ignore lint/suspicious/noExplicitAny: each operation has an input of its own
  operations: Operation<any, World>[]
  /** an empty installation */
  world(setup: Setup, ends: FarEnds, time: VirtualTime, bug: Bug | undefined): World
  begin(world: World): Promise<void>
  finish(world: World): Promise<void>
}

export function simulation<Setup, World extends Stage>(kind: Kind<Setup, World>): Simulation {
  const { flags, operations } = kind
  const step: fc.Arbitrary<Step> = fc.oneof(
    ...operations.map(({ name, weight, arbitrary }) => ({
      weight,
      arbitrary: arbitrary.map((input: unknown) => ({ op: name, input })),
    })),
  )
  return {
    flags,
    schedules: (steps) =>
      fc.record({
        setup: kind.setup,
        steps: fc.array(step, { minLength: 1, maxLength: steps, size: 'max' }),
      }),
    async run({ setup, steps }, ends, bug, log = []) {
      const time = new VirtualTime()
      time.install()
      const world = kind.world(setup as Setup, ends, time, bug)
      try {
        await kind.begin(world)
        for (const { op, input } of steps) {
          world.network.log.push(`— ${op}`)
          world.time.advance(11)
          await operations.find(({ name }) => name === op)!.run(world, input)
          world.check()
        }
        await kind.finish(world)
      } finally {
        time.uninstall()
        log.push(...world.network.log)
      }
    },
  }
}

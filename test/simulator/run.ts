// Runs many schedules, and tells of the first that fails: its law, its seed, the shortest schedule found that still fails, and
// what happened in it, call by call.

import fc from 'fast-check'
import type { Schedule, Simulation } from './simulation.ts'
import type { FarEnds } from './stores.ts'

export type Run = { seed: number; schedules: number; steps: number; path?: string | undefined }

export const randomSeed = (): number => Math.floor(Math.random() * 2 ** 31)

/** How many ran, and null or the story of a failure. */
export async function run(
  simulation: Simulation,
  ends: FarEnds,
  { seed, schedules, steps, path }: Run,
): Promise<{ ran: number; failure: string | null }> {
  let ran = 0
  const property = fc.asyncProperty(simulation.schedules(steps), async (schedule: Schedule) => {
    ran++
    await simulation.run(schedule, ends)
  })
  const result = await fc.check(property, {
    seed,
    numRuns: schedules,
    ...(path !== undefined && { path, endOnFailure: true }),
  })
  if (!result.failed) return { ran, failure: null }
  const schedule = result.counterexample![0]
  const log: string[] = []
  const law = await simulation.run(schedule, ends, undefined, log).then(
    () => 'it passes when it runs again: it depends on something that the seed does not control',
    (error: Error) => error.message,
  )
  const failure = [
    `A law does not hold.`,
    law,
    ``,
    `The shortest schedule found that fails:`,
    `  setup ${JSON.stringify(schedule.setup)}`,
    ...schedule.steps.map(({ op, input }) => `  ${op} ${JSON.stringify(input)}`),
    ``,
    `What happened in it (actor@isolate, call, fate):`,
    ...log.map((line) => `  ${line}`),
    ``,
    `Again: npm run simulate -- ${simulation.flags}--seed ${seed} --steps ${steps} --path ${result.counterexamplePath}`,
  ]
  return { ran, failure: failure.join('\n') }
}

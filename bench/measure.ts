// Measuring on a machine that does other things too: short rounds of every variant in turn, and medians of them.

/** Of an even number of values, the mean of the two in the middle. */
export function median(values: number[]): number {
  const sorted = Float64Array.from(values).sort()
  const middle = sorted.length / 2
  return (sorted[Math.ceil(middle) - 1]! + sorted[Math.floor(middle)]!) / 2
}

/** `share`: 0.99 for the 99th percentile. */
export function percentile(values: number[], share: number): number {
  const sorted = Float64Array.from(values).sort()
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

/** Keeps `inFlight` calls going for `ms`, waits for the last ones, and tells how many a second were done. */
export async function callsPerSecond(
  call: () => Promise<unknown>,
  { inFlight, ms }: { inFlight: number; ms: number },
): Promise<number> {
  const startedAt = performance.now()
  let calls = 0
  const lane = async () => {
    while (performance.now() - startedAt < ms) {
      await call()
      calls++
    }
  }
  await Promise.all(Array.from({ length: inFlight }, lane))
  return calls / ((performance.now() - startedAt) / 1000)
}

/** One round of each variant after the other, `rounds` times; the results of each, in the order of the rounds. */
export async function inTurn<Name extends string, Result>(
  variants: Record<Name, () => Promise<Result>>,
  rounds: number,
): Promise<Record<Name, Result[]>> {
  const names = Object.keys(variants) as Name[]
  const results = Object.fromEntries(names.map((name) => [name, [] as Result[]])) as Record<Name, Result[]>
  for (let round = 0; round < rounds; round++) {
    for (const name of names) results[name].push(await variants[name]())
  }
  return results
}

/** The median of `of[i] / to[i]`: both are of the same round, when the machine was as busy. */
export const medianRatio = (of: number[], to: number[]): number =>
  median(of.map((value, round) => value / to[round]!))

export async function seconds(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now()
  await work()
  return (performance.now() - startedAt) / 1000
}

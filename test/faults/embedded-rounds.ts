// `npm run faults -- --embedded`: as many kills as rounds, a data folder for every ten of them.

import { type Kill, runEmbedded } from './embedded.ts'

const KILLS_PER_FOLDER = 10

/** Whether all went well. */
export async function embeddedRounds(seed: string, rounds: number, sabotage: boolean): Promise<boolean> {
  console.log(`seed ${seed}, ${rounds} ${rounds === 1 ? 'kill' : 'kills'} under load`)
  const sums = { events: 0, unknown: 0, retries: 0, reads: 0 }
  let round = 0
  const onKill = (kill: Kill) => {
    round++
    const { events, unknown, retries, reads, what } = kill
    console.log(
      `kill ${String(round).padStart(3)}  ${events} events (${unknown} unknown), ${retries} retries, ${reads} reads  [${what}]`,
    )
    for (const name of ['events', 'unknown', 'retries', 'reads'] as const) sums[name] += kill[name]
  }
  for (let folder = 1; round < rounds; folder++) {
    const kills = Math.min(KILLS_PER_FOLDER, rounds - round)
    const violations = await runEmbedded({ seed: `${seed}/${folder}`, kills, sabotage, onKill })
    if (violations.length === 0) continue
    console.log(`MISMATCH in folder ${folder}\n${violations.slice(0, 50).join('\n')}`)
    return false
  }
  console.log(
    `all rounds: acknowledged = billed; ${sums.events} events, ${sums.unknown} unknown to their sender when the app was killed, ` +
      `${sums.retries} retries, ${sums.reads} reads`,
  )
  return true
}

// Looking at processes, to see that none is left.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/** Processes of a group that run. Ended ones that nobody has cleared away yet don't count. */
export async function runningInGroup(group: number): Promise<string[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pgid=,stat=,args='])
  const lines = stdout.split('\n').map((line) => /^\s*(\d+)\s+(\S+)\s+(.*)$/.exec(line))
  return lines.flatMap((match) =>
    match && Number(match[1]) === group && !match[2]!.startsWith('Z') ? [match[3]!] : [],
  )
}

// Ending a process together with everything that it has started.

import { type ChildProcess, execFile } from 'node:child_process'

/** For an orderly end of the leader, then of those it leaves, then for the system to clear them away. */
const LEADER_MS = 4_000
const OTHERS_MS = 1_000
const KILLED_MS = 1_000
const STEP_MS = 25

/** `child` must lead its process group (`detached`). When this resolves, none of the group runs any more. */
export async function endGroup(child: ChildProcess): Promise<void> {
  const { pid } = child
  if (pid === undefined) return
  if (process.platform === 'win32') {
    await new Promise<void>((resolve) =>
      execFile('taskkill', ['/pid', String(pid), '/T', '/F'], () => resolve()),
    )
    return
  }
  const exited = () => child.exitCode !== null || child.signalCode !== null
  const gone = () => !signal(pid, 0)
  signal(pid, 'SIGTERM')
  await until(() => exited() || gone(), LEADER_MS)
  await until(gone, OTHERS_MS)
  signal(pid, 'SIGKILL')
  await until(gone, KILLED_MS)
}

/** At once, for when there is no time to wait. */
export function killGroup({ pid }: ChildProcess): void {
  if (pid !== undefined) signal(pid, 'SIGKILL')
}

function signal(group: number, name: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-group, name)
    return true
  } catch {
    return false
  }
}

async function until(condition: () => boolean, withinMs: number): Promise<void> {
  for (let waited = 0; waited < withinMs && !condition(); waited += STEP_MS) {
    await new Promise((resolve) => setTimeout(resolve, STEP_MS))
  }
}

// How soon a process that has ended is replaced: the first one at once, the next ones ever later, so that what can't run does not
// take the machine from what can.

const REMEMBERED_MS = 60_000
const FIRST_DELAY_MS = 500
const MAX_DELAY_MS = 30_000

export class RestartPace {
  #restarts: number[] = []

  /** For one more restart, now: 0, 0.5 s, 1 s, 2 s … by how many there were in the last minute. */
  delayMs(nowMs: number): number {
    this.#restarts = this.#restarts.filter((atMs) => atMs > nowMs - REMEMBERED_MS)
    const before = this.#restarts.length
    const delayMs = before === 0 ? 0 : Math.min(FIRST_DELAY_MS * 2 ** (before - 1), MAX_DELAY_MS)
    this.#restarts.push(nowMs + delayMs)
    return delayMs
  }
}

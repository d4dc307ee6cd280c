// The timer of a server that stays.

/** How soon the jobs are run again that have left more to do. */
export const MORE_MS = 1_000

/** Runs them again and again, the first time after `everyMs`. They never throw. Returns what ends it, when the run under way is over. */
export function againAndAgain(jobs: () => Promise<{ more: boolean }>, everyMs: number): () => Promise<void> {
  let stopping = false
  let timer: ReturnType<typeof setTimeout> | undefined
  let running: Promise<unknown> = Promise.resolve()
  const runLater = (afterMs: number) => {
    timer = setTimeout(() => {
      running = jobs().then(({ more }) => {
        if (!stopping) runLater(more ? Math.min(MORE_MS, everyMs) : everyMs)
      })
    }, afterMs)
  }
  runLater(everyMs)
  return async () => {
    stopping = true
    clearTimeout(timer)
    await running
  }
}

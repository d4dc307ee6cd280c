// Stopping in an orderly way: on Ctrl-C, on SIGTERM, when the terminal is closed, or when npm is gone that started this.

/** Npm passes a Ctrl-C on that the terminal has sent already: signals so close to each other are one. */
const SAME_SIGNAL_MS = 700
const PARENT_CHECK_MS = 1_000

/**
 * `stop` is called once, and tells whether all went well; then the process ends. A second signal ends it at once.
 * What is returned stops it for any other reason (null: one that was told already), with the exit code to end with.
 */
export function onStop(
  stop: (reason: string | null) => Promise<boolean>,
): (reason: string | null, code: number) => void {
  let stoppingSince: number | null = null
  const begin = (reason: string | null, code: number) => {
    if (stoppingSince !== null) return
    stoppingSince = performance.now()
    stop(reason).then(
      (well) => process.exit(well ? code : 1),
      (error: Error) => {
        console.error(error.message)
        process.exit(1)
      },
    )
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (stoppingSince === null) begin(signal, 0)
      else if (performance.now() - stoppingSince > SAME_SIGNAL_MS) process.exit(1)
    })
  }
  // Whoever kills npm does not reach its child.
  if (process.env.npm_lifecycle_event !== undefined) {
    const parent = process.ppid
    setInterval(() => process.ppid !== parent && begin('npm has ended', 0), PARENT_CHECK_MS).unref()
  }
  return begin
}

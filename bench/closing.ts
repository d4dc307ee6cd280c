// What has to be closed when the benchmarks are interrupted: whoever still writes to the servers would leave something there.

const open = new Set<() => Promise<unknown>>()

/** The same function; until it is called, an interruption calls it. */
export function closing(close: () => Promise<unknown>): () => Promise<void> {
  open.add(close)
  return async () => {
    open.delete(close)
    await close()
  }
}

export const closeAll = (): Promise<unknown> => Promise.allSettled([...open].map((close) => close()))

// Who may send at once: most do side by side, but what changes what was counted is alone, so that figures before it and after it tell
// what it did.

export class Turns {
  #lastAlone: Promise<void> = Promise.resolve()
  readonly #together = new Set<Promise<unknown>>()

  async together<Result>(work: () => Promise<Result>): Promise<Result> {
    for (let seen: Promise<void> | null = null; seen !== this.#lastAlone; await seen) seen = this.#lastAlone
    const under = work()
    this.#together.add(under)
    try {
      return await under
    } finally {
      this.#together.delete(under)
    }
  }

  async alone<Result>(work: () => Promise<Result>): Promise<Result> {
    const before = this.#lastAlone
    let end = () => {}
    this.#lastAlone = new Promise((resolve) => {
      end = resolve
    })
    await before
    await Promise.allSettled([...this.#together])
    try {
      return await work()
    } finally {
      end()
    }
  }
}

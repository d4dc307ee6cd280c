// Time and randomness of a simulated process. Everything that asks for the time (the code under test, the embedded Redis
// with its TIME and its expiry) asks Date.now, and every id that is made comes from crypto.randomUUID: they are ours
// while a schedule runs, and so is Math.random.

/** When every schedule begins: some day that is still to come, so that no timer of the real time ever lies ahead of it. */
export const START_MS = Date.UTC(2060, 2, 2, 10, 20)

const realNow = Date.now

export class VirtualTime {
  nowMs = START_MS
  #ids = 0
  #drawn = 0
  #restore: (() => void) | undefined

  install(): void {
    const { now } = Date
    const { random } = Math
    const { randomUUID } = crypto
    Date.now = () => this.nowMs
    crypto.randomUUID = () => this.#nextId()
    // A low-discrepancy sequence is random enough. What decides anything, an isolate's slot, is not left to it: see `drawing`.
    Math.random = () => (++this.#drawn * 0.6180339887498949) % 1
    this.#restore = () => {
      Date.now = now
      crypto.randomUUID = randomUUID
      Math.random = random
    }
  }

  /** Postgres keeps the real time: it sets timers by it, and nothing that we ask it depends on it. */
  static async real<T>(body: () => Promise<T>): Promise<T> {
    const { now } = Date
    Date.now = realNow
    try {
      return await body()
    } finally {
      Date.now = now
    }
  }

  /** Runs the body with this number drawn in it. */
  static drawing<T>(number: number, body: () => T): T {
    const { random } = Math
    Math.random = () => number
    try {
      return body()
    } finally {
      Math.random = random
    }
  }

  uninstall(): void {
    this.#restore?.()
  }

  advance(ms: number): void {
    this.nowMs += ms
  }

  /** Looks random in its first characters too: segments take a nonce from there. */
  #nextId(): `${string}-${string}-${string}-${string}-${string}` {
    const n = ++this.#ids
    const mixed = (Math.imul(n, 0x9e3779b1) >>> 0).toString(16).padStart(8, '0')
    return `${mixed}-0000-4000-8000-${n.toString(16).padStart(12, '0')}`
  }
}

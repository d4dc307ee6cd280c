// Replies wait here until what they may tell of is on the disk: not only what their own command changed, but all that any
// changed before. So nobody, the aggregator neither, acts on what a crash would take back.

type Held = { position: number; deliver: (failure: string | null) => void }

export class HeldReplies {
  #held: Held[] = []
  #durable = 0
  #failure: string | null = null

  /** `position`: how many changes there were when the reply was made. `deliver` gets the error to answer with instead, or null. */
  hold(position: number, deliver: (failure: string | null) => void): void {
    if (this.#failure !== null) deliver(this.#failure)
    else if (this.#held.length === 0 && position <= this.#durable) deliver(null)
    else this.#held.push({ position, deliver })
  }

  /** So many changes are on the disk. */
  release(durable: number): void {
    this.#failure = null
    this.#durable = durable
    let count = 0
    while (count < this.#held.length && this.#held[count]!.position <= durable) count++
    for (const { deliver } of this.#held.splice(0, count)) deliver(null)
  }

  /** The changes can't be put on the disk at present: whoever waits gets this error, and so does all that comes. */
  fail(failure: string): void {
    this.#failure = failure
    for (const { deliver } of this.#held.splice(0)) deliver(failure)
  }

  get failure(): string | null {
    return this.#failure
  }
}

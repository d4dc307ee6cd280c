/** A law of the design that did not hold. */
export class Violation extends Error {
  readonly law: string

  constructor(law: string, what: string) {
    super(`${law}: ${what}`)
    this.law = law
  }
}

export const laws = {
  once: 'law 1, counted once',
  logged: 'law 1, logged once if and only if it was counted',
  conflict: 'law 2, another content is a named conflict',
  nothingLost: 'law 3, nothing acknowledged is lost',
  exact: 'law 4, a read is exact at every instant',
  erased: 'what was erased comes back from nowhere',
  merges: 'law 5, aggregations are exact merges',
  isolation: 'law 7, a tenant sees only its own',
  revised: 'a revised meter counts by the hour, and changes nothing when it is switched to',
  config: 'an acknowledged change of meters holds at once',
  drains: 'law 8, the backlog drains and leaves nothing behind',
  accounts: 'the accounts agree where nothing was lost',
  sized: 'a loss is noticed and sized',
  corrected: 'a correction and then its revert are nothing',
  comesBack: 'a correction that was answered comes back',
  answers: 'law 8, every answer is one of the documented',
} as const

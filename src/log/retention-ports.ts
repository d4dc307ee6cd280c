// What keeping the log for a time needs of Postgres: which blocks are too old, and which the index doesn't name.

/** Blocks of one tenant, the oldest first. */
export type ExpiredBlocks = {
  tenantId: string
  /** of the tenant's configuration: with another one, a meter may have come that owes them */
  configVersion: string
  names: string[]
  /** when the last event in them arrived: µs */
  toMicros: number
}

export interface RetentionStore {
  /**
   * Up to `limit` blocks in this store whose last event arrived longer ago than their tenant keeps its log (`days`: those that
   * don't say; 0: for ever). Those that a meter owes which is being filled have OWED_DAYS more.
   */
  expired(wanted: { nowMs: number; days: number; store: string; limit: number }): Promise<ExpiredBlocks[]>
  /**
   * Takes them out of the index, and says from when on the log reaches now; not if the tenant's configuration is another one.
   * Gives the names of those that it took out.
   */
  expire(found: ExpiredBlocks): Promise<string[]>
  /** Those of these names that the index doesn't have. */
  unnamed(names: string[]): Promise<string[]>
  /** Up to which name this store was swept; '': from the beginning. */
  sweptTo(store: string): Promise<string>
  noteSwept(store: string, to: string): Promise<void>
}

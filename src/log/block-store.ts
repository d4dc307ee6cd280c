// Where blocks are kept. A block is immutable but for erasure, so a store needs little: make if absent, read, replace what
// is unchanged, remove, and list what is there.

/** `version` is the store's own mark of this content: another one after every change. */
export type StoredBlock = { content: Uint8Array; version: string }

export type NewBlock = { name: string; content: Uint8Array }

export const blockStoreKinds = ['postgres', 'r2', 's3', 'folder'] as const
export type BlockStoreKind = (typeof blockStoreKinds)[number]

/**
 * Names are `segment/tenant/part-digest`, of a-z, A-Z, 0-9, `-`, `_`, `.` and `/`: all that S3, R2 and file systems take alike.
 * Every method throws store_unavailable where the store can't be reached; the same call may be made again.
 */
export interface BlockStore {
  readonly kind: BlockStoreKind
  /** Makes each block that is not there; one that is stays as it is. When it returns, all are there for good. */
  put(blocks: NewBlock[]): Promise<void>
  /** In the order of the names; null for one that is not there. */
  get(names: string[]): Promise<(StoredBlock | null)[]>
  /** Puts other content in a block's place, if it is still the one with this version; gives whether it was. */
  replace(name: string, version: string, content: Uint8Array): Promise<boolean>
  /** Removes blocks; what is not there is no error. */
  remove(names: string[]): Promise<void>
  /**
   * Names after this one in byte order ('' for the first), with the time (ms) when each was made; where a store tells
   * only that, when it was changed last.
   */
  list(after: string, limit: number): Promise<{ name: string; createdMs: number }[]>
}

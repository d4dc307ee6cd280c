// A transfer: an import or an export, and how far it is. What became of it can be asked for long after its answer was lost.

import type { PageRequest } from '../kernel/page.ts'

export const transferKinds = ['import', 'export'] as const
export type TransferKind = (typeof transferKinds)[number]

/** Days that a transfer can be asked for. */
export const TRANSFER_DAYS = 90

/** How often one that is under way says how far it is, and after how long without a word it is taken for broken off. */
export const PROGRESS_EVERY_MS = 5_000
const SILENT_MS = 120_000

export type Transfer<State> = { id: string; state: State; createdMs: number; updatedMs: number }

/** States are JSON, and their kind's own. */
export interface TransferStore {
  /** Writes how far one is; the first time makes it, and forgets those of the tenant that are older than TRANSFER_DAYS. */
  saveTransfer(tenantId: string, kind: TransferKind, id: string, state: object): Promise<void>
  findTransfer<State>(tenantId: string, kind: TransferKind, id: string): Promise<Transfer<State> | null>
  /** Newest first; one more than the limit if there is one. */
  listTransfers<State>(tenantId: string, kind: TransferKind, page: PageRequest): Promise<Transfer<State>[]>
}

type Stands<Status> = { status: Status; reason: string | null }

/** As it is now: what has long said nothing goes on no more, and is as `silent` says. */
export const standing = <Status extends string>(
  { state, updatedMs }: Transfer<Stands<Status>>,
  nowMs: number,
  silent: NoInfer<Stands<Status>>,
): Stands<Status> =>
  state.status === 'running' && updatedMs < nowMs - SILENT_MS
    ? silent
    : { status: state.status, reason: state.reason }

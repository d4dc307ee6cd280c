// What became of an import so far.

import type { Issue } from '../../kernel/errors.ts'
import { storable } from '../../kernel/text.ts'
import { ERRORS_NAMED } from './limits.ts'

export type ImportError = { line: number; pointer?: string; detail: string }

/** Each line that was read is in one of `accepted`, `duplicates`, `conflicts` and `invalid`. */
export type ImportCounts = {
  lines: number
  accepted: number
  duplicates: number
  conflicts: number
  invalid: number
  errors: ImportError[]
  moreErrors: number
}

/** Counts, and keeps the first errors only, however many there are. */
export class ImportTally {
  readonly #counts: ImportCounts = {
    lines: 0,
    accepted: 0,
    duplicates: 0,
    conflicts: 0,
    invalid: 0,
    errors: [],
    moreErrors: 0,
  }

  counted(line: 'accepted' | 'duplicates'): void {
    this.#counts.lines++
    this.#counts[line]++
  }

  /** Of a line as a whole, or of places in its event. */
  refused(as: 'conflicts' | 'invalid', line: number, what: string | readonly Issue[]): void {
    this.#counts.lines++
    this.#counts[as]++
    const errors = typeof what === 'string' ? [{ detail: what }] : what
    const room = Math.max(0, ERRORS_NAMED - this.#counts.errors.length)
    // It repeats what was sent, which may be anything.
    const named = errors.slice(0, room).map(({ pointer, detail }: Omit<ImportError, 'line'>) => ({
      line,
      ...(pointer !== undefined && { pointer: storable(pointer) }),
      detail: storable(detail),
    }))
    this.#counts.errors.push(...named)
    this.#counts.moreErrors += Math.max(0, errors.length - room)
  }

  counts(): ImportCounts {
    return structuredClone(this.#counts)
  }
}

// What became of an import so far.

import { z } from 'zod'
import type { Issue } from '../../kernel/errors.ts'
import { ERRORS_NAMED } from './limits.ts'

const count = (description: string, example: number) => z.int().meta({ description, example })

export const importSchema = z
  .object({
    lines: count('Lines that were read; empty ones, and the header of CSV, aside.', 1_000),
    accepted: count('Events that are counted by this import.', 998),
    duplicates: count('Events that were there before, with the same content.', 1),
    errors: z
      .array(
        z.object({
          line: z.int().meta({ description: 'Where it begins, from 1.', example: 17 }),
          pointer: z.string().optional().meta({ description: 'Where in the event.', example: '#/quantity' }),
          detail: z.string().meta({ example: 'must be a decimal, as a string or a number, such as "12.5"' }),
        }),
      )
      .meta({
        description: `What is wrong, line by line: the first ${ERRORS_NAMED}. Other lines are not held up by it.`,
      }),
    more_errors: count('Errors beyond those.', 0),
    ignored_columns: z
      .array(z.string())
      .optional()
      .meta({ description: 'Of CSV: columns that are no field of an event.', example: ['note'] }),
  })
  .meta({ id: 'Import' })

export type ImportAnswer = z.output<typeof importSchema>
export type ImportError = ImportAnswer['errors'][number]

/** Counts, and keeps the first errors only, however many there are. */
export class ImportTally {
  readonly #answer: ImportAnswer = { lines: 0, accepted: 0, duplicates: 0, errors: [], more_errors: 0 }

  read(lines: number): void {
    this.#answer.lines += lines
  }

  recorded({ accepted, duplicates }: { accepted: number; duplicates: number }): void {
    this.#answer.accepted += accepted
    this.#answer.duplicates += duplicates
  }

  /** Of a line as a whole, or of places in its event. */
  wrong(line: number, what: string | readonly Issue[]): void {
    const errors =
      typeof what === 'string' ? [{ line, detail: what }] : what.map((issue) => ({ line, ...issue }))
    const room = Math.max(0, ERRORS_NAMED - this.#answer.errors.length)
    this.#answer.errors.push(...errors.slice(0, room))
    this.#answer.more_errors += Math.max(0, errors.length - room)
  }

  ignored(columns: string[]): void {
    if (columns.length > 0) this.#answer.ignored_columns = columns
  }

  answer(): ImportAnswer {
    return structuredClone(this.#answer)
  }
}

// Words for the lines that jobs log.

import { TollgateError } from '../kernel/errors.ts'

export const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`

/** The first line of why a run failed. */
export function failureText(error: unknown): string {
  const reason =
    error instanceof TollgateError
      ? String((error.cause as Error | undefined)?.message ?? error.detail)
      : String(error)
  return reason.split('\n')[0]!
}

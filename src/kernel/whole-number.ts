// Whole numbers as the API takes them: JSON numbers within bounds, which a refusal names.

import { z } from 'zod'

export function wholeNumber(least: number, most: number) {
  const error = `must be a whole number from ${least} to ${most}`
  return z.int({ error }).min(least, { error, abort: true }).max(most, { error, abort: true })
}

import { z } from 'zod'

const instant = (description: string) =>
  z.string().optional().meta({ description, example: '2026-11-01T00:00:00Z' })

/** How a period is asked for in a query; `periodOf` reads it. */
export const periodParameters = {
  period: z.string().optional().meta({
    description: '`current` (the default) or a calendar month of the tenant’s time zone.',
    example: '2026-11',
  }),
  from: instant(
    'First instant of the period, at a full hour; instead of `period`. A date, such as 2026-11-01, is the midnight that it begins with in the tenant’s time zone.',
  ),
  to: instant(
    'First instant after the period, at a full hour; the hour that it is now is the last one if absent. A date is the midnight that it begins with, so that its day is not in the period any more.',
  ),
}

import { z } from 'zod'

const instant = (description: string) =>
  z.string().optional().meta({ description, example: '2026-11-01T00:00:00Z' })

/** How a period is asked for in a query; `periodOf` reads it. */
export const periodParameters = {
  period: z.string().optional().meta({
    description: '`current` (the default) or a calendar month of the tenant’s time zone.',
    example: '2026-11',
  }),
  from: instant('First instant of the period, at a full hour; instead of `period`, with `to`.'),
  to: instant('First instant after the period, at a full hour.'),
}

// Parts that several routes' schemas share.

import { z } from 'zod'
import { pageParameters } from '../kernel/page.ts'

export const instant = (description: string) =>
  z.iso.datetime().meta({ description, example: '2026-11-22T10:00:00.000Z' })

export const idSchema = z.guid('must be a UUID').meta({ example: '0b9f6a0e-4c1d-4f7e-9d55-0d8f3a0a8f11' })

export const pageQuerySchema = z.strictObject(pageParameters)

export const pageSchema = <Item extends z.ZodType>(item: Item) =>
  z.object({
    data: z.array(item),
    next_cursor: z
      .string()
      .nullable()
      .meta({ description: 'Send it as `cursor` to get the next page; null: this is the last.' }),
  })

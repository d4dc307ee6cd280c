// Parts that several routes' schemas share.

import { z } from 'zod'
import { type Page, pageParameters } from '../kernel/page.ts'

export const instant = (description: string) =>
  z.iso.datetime().meta({ description, example: '2026-11-22T10:00:00.000Z' })

export const idSchema = z.guid('must be a UUID').meta({ example: '0b9f6a0e-4c1d-4f7e-9d55-0d8f3a0a8f11' })

/** A parameter of a query that is true or false; absent: false. */
export const flag = (description: string) =>
  z
    .enum(['true', 'false'], { error: 'must be true or false' })
    .default('false')
    .transform((sent) => sent === 'true')
    .meta({ type: 'boolean', default: false, description, example: true })

export const issueSchema = z
  .object({
    pointer: z
      .string()
      .meta({ description: 'JSON pointer into the body, or a parameter’s name.', example: '#/3/quantity' }),
    detail: z.string().meta({ description: 'What would be right.', example: 'is required' }),
  })
  .meta({ id: 'Issue' })

export const pageQuerySchema = z.strictObject(pageParameters)

/** A schema is one component of the document, so each item has one. */
const pages = new WeakMap<z.ZodType, z.ZodType>()

/** A page of items. It is named after them: of `Meter` it is `MeterPage`. */
export function pageSchema<Item extends z.ZodType>(item: Item): z.ZodType<Page<z.output<Item>>> {
  const known = pages.get(item) as z.ZodType<Page<z.output<Item>>> | undefined
  if (known) return known
  const name = item.meta()?.id
  if (name === undefined) throw new Error('pageSchema: the item has no name; give it .meta({ id })')
  const page = z
    .object({
      data: z.array(item),
      next_cursor: z.string().nullable().meta({
        description: 'Send it as `cursor` to get the next page; null: this is the last.',
      }),
    })
    .meta({ id: `${name}Page` })
  pages.set(item, page)
  return page
}

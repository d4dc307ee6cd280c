// Other prices for some groups of a meter: a list of rules, each with what the group's values must be. The rule that fits a
// group most closely prices it; what no rule fits, the meter's own price does.

import { z } from 'zod'
import { knownFields } from '../kernel/object-schema.ts'
import { priceSchema } from './price.ts'

export const GROUP_PRICES_PER_METER = 100
/** As many properties as a meter can group by, and as many characters as the values of a group can have. */
export const PROPERTIES_PER_MATCH = 5
export const MATCH_VALUE_CHARS = 1_024

/** The values of a group, or those that a rule asks for, by property. null: the event did not have the property. */
export type GroupValues = Readonly<Record<string, string | null>>

/** In order of precedence: of several that fit a group, the one that asks for most properties comes first; of equals the first. */
export const mostSpecificFirst = <Rule extends { match: GroupValues }>(rules: readonly Rule[]): Rule[] =>
  rules.toSorted((x, y) => Object.keys(y.match).length - Object.keys(x.match).length)

const matchSchema = z
  .record(z.string(), z.string().max(MATCH_VALUE_CHARS).nullable(), {
    error: 'must be an object of values by property, such as {"region":"eu"}',
  })
  .refine((match) => Object.keys(match).length > 0, {
    error: 'must have a property: what every group pays is the `price` beside the list',
  })
  .refine((match) => Object.keys(match).length <= PROPERTIES_PER_MATCH, {
    error: `must have at most ${PROPERTIES_PER_MATCH} properties`,
  })
  .meta({
    description:
      'Values by property, of those that the meter groups by. null: events without the property. What it leaves out may have any value.',
    example: { region: 'eu' },
  })

const groupPriceSchema = knownFields('A group price', { match: matchSchema, price: priceSchema }).meta({
  id: 'GroupPrice',
  description: 'What the groups with these values cost.',
})

export const groupPricesSchema = z
  .array(groupPriceSchema, { error: 'must be a list of {"match", "price"}' })
  .max(GROUP_PRICES_PER_METER, {
    error: `must have at most ${GROUP_PRICES_PER_METER} group prices`,
    abort: true,
  })
  .superRefine((rules, context) => {
    const indexes = new Map<string, number>()
    rules.forEach(({ match }, index) => {
      const content = contentOf(match)
      const first = indexes.get(content)
      if (first === undefined) indexes.set(content, index)
      else {
        const message = `must be another match: the one at index ${first} is the same, and would always be taken`
        context.addIssue({ code: 'custom', path: [index, 'match'], message })
      }
    })
  })
  .meta({
    description:
      'Prices for some groups. Of those that match a group the one with the most properties is taken, of equals the first.',
  })

export type GroupPrice = z.output<typeof groupPriceSchema>

/** Equal for equal matches, in whatever order their properties come. */
const contentOf = (match: GroupValues): string =>
  JSON.stringify(Object.entries(match).sort(([a], [b]) => (a < b ? -1 : 1)))

export type ForeignProperty = { index: number; property: string; detail: string }

/** Every property that a rule asks for and the meter doesn't group by: `index` is the rule's. Such a rule would never match. */
export function foreignProperties(
  rules: readonly { match: GroupValues }[],
  groupBy: readonly string[],
): ForeignProperty[] {
  const detail =
    groupBy.length === 0
      ? 'must not be there: the meter has no group_by'
      : `must be a property that the meter groups by: ${groupBy.join(', ')}`
  return rules.flatMap(({ match }, index) =>
    Object.keys(match)
      .filter((property) => !groupBy.includes(property))
      .map((property) => ({ index, property, detail })),
  )
}

// A revision as the API takes it, and whether a meter can be revised so.

import type { z } from 'zod'
import { type Issue, TollgateError } from '../kernel/errors.ts'
import { knownFields } from '../kernel/object-schema.ts'
import { countsFromSchema, countsFromText } from './counts-from.ts'
import { filterTerms } from './filter-schema.ts'
import { type Meter, meterCountsFromMs } from './meter.ts'
import {
  checkedCountsFrom,
  differing,
  dryRunSchema,
  idleMissing,
  meterFields,
  wrongValue,
} from './meter-input.ts'
import { writtenSchema } from './property-schema.ts'

const fromSchema = countsFromSchema.unwrap().meta({
  description:
    'From which hour on: its beginning in the tenant’s time zone, or a date; `beginning`: all hours. Those before it stay as they are.',
  example: '2026-11-01T00:00:00Z',
})

export const revisionInputSchema = knownFields('A revision', {
  from: fromSchema,
  value: writtenSchema.optional().meta({ ...meterFields.value.meta(), id: undefined }),
  group_by: meterFields.group_by.optional(),
  filter: meterFields.filter.optional(),
  missing: meterFields.missing.optional(),
  resource_type: meterFields.resource_type.optional(),
  aggregation: meterFields.aggregation.optional(),
  dry_run: dryRunSchema,
})
export type RevisionInput = z.output<typeof revisionInputSchema>

export const replayInputSchema = knownFields('A replay', { from: fromSchema, dry_run: dryRunSchema })
export type ReplayInput = z.output<typeof replayInputSchema>

/** How a meter is to count, and from which hour on (-Infinity: all). */
export type Definition = Pick<Meter, 'value' | 'groupBy' | 'filter' | 'missing'> & { fromMs: number }

/** Throws meaning_would_change for what prices rest on, and validation_failed for what can't be. */
export function definitionOf(meter: Meter, input: RevisionInput, timezone: string): Definition {
  refuseOtherMeaning(meter, input)
  const definition = {
    value: input.value ?? meter.value,
    groupBy: input.group_by ?? meter.groupBy,
    filter: input.filter === undefined ? meter.filter : filterTerms(input.filter),
    missing: input.missing ?? meter.missing,
    fromMs: checkedCountsFrom(input.from, timezone, 'from')!,
  }
  const { aggregation } = meter
  const wrong = wrongValue(aggregation, definition.value)
  const idle =
    wrong === null ? idleMissing(definition.missing, { aggregation, value: definition.value }) : null
  const issues = [
    ...(wrong === null ? [] : [{ pointer: '#/value', detail: wrong }]),
    ...(idle === null ? [] : [{ pointer: '#/missing', detail: idle }]),
    ...beforeItCounts(meter, definition),
    ...withoutLevel(meter, definition),
  ]
  if (issues.length === 0) return definition
  const [first] = issues
  throw new TollgateError(
    'validation_failed',
    `"${meter.key}" can’t be revised so: ${first!.pointer} ${first!.detail}.`,
    { issues },
  )
}

/** Whether it counts as the meter does, whatever the instant. */
export const isSame = (meter: Meter, wanted: Definition): boolean => changesOf(meter, wanted).length === 0

const written = ({ value, groupBy, filter, missing }: Omit<Definition, 'fromMs'>) => ({
  value,
  group_by: groupBy,
  filter,
  missing,
})

/** Names of the fields, as the API has them, in which the revision is another. */
export const changesOf = (meter: Meter, wanted: Definition): string[] =>
  differing(written(meter), written(wanted)).map(({ field }) => field)

function refuseOtherMeaning(meter: Meter, { resource_type, aggregation }: RevisionInput): void {
  const is = { resource_type: meter.resourceType, aggregation: meter.aggregation }
  const changed = differing(is, { resource_type, aggregation })
  if (changed.length === 0) return
  throw new TollgateError(
    'meaning_would_change',
    `A revision of "${meter.key}" can’t have another ${changed.map(({ field }) => field).join(' or ')}: its prices in plans rest on that. Create another meter (POST /api/v1/meters) with \`counts_from\` instead.`,
    {
      issues: changed.map(({ field, is }) => ({
        pointer: `#/${field}`,
        detail: `is ${is}, and can’t be revised`,
      })),
    },
  )
}

function beforeItCounts(meter: Meter, { fromMs }: Definition): Issue[] {
  const startMs = meterCountsFromMs(meter)
  if (startMs === null || fromMs >= startMs) return []
  return [
    {
      pointer: '#/from',
      detail: `must not be before ${countsFromText(startMs)}, from when on the meter counts`,
    },
  ]
}

/** A gauge is the sum of all its changes: of some counted one way and some another, it would be the level of nothing. */
function withoutLevel(meter: Meter, wanted: Definition): Issue[] {
  if (meter.aggregation !== 'weighted_sum' || wanted.fromMs === Number.NEGATIVE_INFINITY) return []
  const changed = changesOf(meter, wanted)
  const other = ['value', 'filter'].filter((field) => changed.includes(field))
  if (wanted.groupBy.some((property) => !meter.groupBy.includes(property))) other.push('group_by')
  return other.map((field) => ({
    pointer: `#/${field}`,
    detail:
      'can’t be another from an instant on: the meter is a weighted_sum, and the level at that instant is the sum of all changes before; from "beginning" it can',
  }))
}

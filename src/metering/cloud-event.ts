// CloudEvents 1.0 in JSON, as usage events: subject = customer, type = resource type, source and id together = id,
// time = timestamp, data = properties.

import '../kernel/explained.ts'
import { z } from 'zod'
import type { Wrong } from './event.ts'

const required = (name: string) =>
  z.string(`is required: a CloudEvent has a ${name}`).min(1, 'must not be empty')

/** Extension attributes are allowed, as CloudEvents has it; they have no part in the event. */
export const cloudEventSchema = z.looseObject({
  specversion: z.literal('1.0', 'must be "1.0"'),
  id: required('id').meta({ example: 'A234-1234-1234' }),
  source: required('source')
    .refine((source) => !/\s/.test(source), 'must be a URI reference, without spaces')
    .meta({ example: '/my-service' }),
  type: required('type').meta({ description: 'the resource type', example: 'api_call' }),
  subject: required('subject').meta({ description: 'the customer', example: 'cust_42' }),
  time: z.string().optional().meta({ example: '2026-11-22T10:00:00Z' }),
  datacontenttype: z
    .string()
    .refine((type) => /^application\/([\w.-]+\+)?json\b/i.test(type), 'must be application/json')
    .optional(),
  // Not z.never: the OpenAPI document has no word for that.
  data_base64: z
    .unknown()
    .refine((sent) => sent === undefined, 'can’t be read: send the properties as JSON, in data')
    .optional()
    .meta({ description: 'Not taken: send `data`.' }),
  data: z.record(z.string(), z.unknown(), 'must be a JSON object: its members are the properties').optional(),
})

/** The same event in Tollgate's own form, still to be checked as such. An id has no space in its source, so no two events share one. */
export function fromCloudEvent(sent: unknown, pointer: string): { event: unknown } | Wrong[] {
  const parsed = cloudEventSchema.safeParse(sent)
  if (!parsed.success) {
    return parsed.error.issues.map((issue) => ({
      pointer: [pointer, ...issue.path].join('/'),
      detail: issue.message,
    }))
  }
  const { id, source, type, subject, time, data } = parsed.data
  return {
    event: {
      id: `${source} ${id}`,
      customer_id: subject,
      resource_type: type,
      ...(time === undefined ? {} : { timestamp: time }),
      ...(data === undefined ? {} : { properties: data }),
    },
  }
}

/** What a CloudEvent calls the fields of an event. It has no quantity: what is wrong with that is the event's. */
const ATTRIBUTES: Record<string, string | null> = {
  customer_id: 'subject',
  resource_type: 'type',
  timestamp: 'time',
  properties: 'data',
  quantity: null,
}

/** Where something wrong with the event stands in the CloudEvent that was sent. `listed`: in a list of them. */
export function inCloudEvent({ pointer, detail }: Wrong, listed: boolean): Wrong {
  const parts = pointer.split('/')
  const at = listed ? 2 : 1
  const attribute = ATTRIBUTES[parts[at] ?? '']
  if (attribute === undefined) return { pointer, detail }
  return {
    pointer: [...parts.slice(0, at), ...(attribute === null ? [] : [attribute, ...parts.slice(at + 1)])].join(
      '/',
    ),
    detail,
  }
}

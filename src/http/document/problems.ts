// Errors in the document: a schema for each code, and a response for each set of codes that operations share. So a client
// that looks at the status and the code knows which ones there can be.

import { z } from 'zod'
import { type ErrorCode, errorCodes } from '../../kernel/errors.ts'
import type { App } from '../env.ts'
import { problems, problemType } from '../problem.ts'
import { issueSchema } from '../schemas.ts'
import { headersOf } from './headers.ts'
import { type Json, refTo } from './rewrite.ts'

export const problemSchema = z
  .object({
    type: z
      .string()
      .meta({ description: 'Where it is explained.', example: problemType('validation_failed') }),
    title: z.string().meta({ example: problems.validation_failed.title }),
    status: z.int().meta({ example: 422 }),
    detail: z
      .string()
      .meta({ description: 'What was wrong this time, for people.', example: 'The body has a mistake.' }),
    code: z.enum(errorCodes).meta({ 'x-name': 'ErrorCode', description: 'What was wrong, for programs.' }),
    request_id: z.string().meta({
      description: 'Also in the header x-request-id; in an answer that is replayed, the first request’s.',
      example: '0b9f6a0e-4c1d-4f7e-9d55-0d8f3a0a8f11',
    }),
    errors: z
      .array(issueSchema)
      .optional()
      .meta({ description: 'Each mistake, where it can be told by its place.' }),
  })
  .meta({ id: 'Problem', description: 'An error, as RFC 9457 has it.' })

type Registry = App['openAPIRegistry']

const pascal = (code: ErrorCode): string =>
  code.replaceAll(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase())

const problemName = (code: ErrorCode): string => `${pascal(code)}Problem`

/** Problem, with this code and its status. */
const schemaOf = (code: ErrorCode): Json => ({
  description: `${problems[code].title}.`,
  allOf: [
    { $ref: refTo('Problem') },
    {
      type: 'object',
      properties: {
        status: { type: 'integer', const: problems[code].status },
        code: { type: 'string', const: code },
      },
      required: ['status', 'code'],
    },
  ],
})

/** The reference to the response of these codes, which all have one status; what it leads to is added to the registry. */
export function problemResponseOf(codes: ErrorCode[], registry: Registry): { $ref: string } {
  const name = codes.map(pascal).join('Or')
  registry.registerComponent('responses', name, responseOf(codes))
  for (const code of codes) registry.registerComponent('schemas', problemName(code), schemaOf(code))
  return { $ref: `#/components/responses/${name}` }
}

function responseOf(codes: ErrorCode[]): Json {
  const forms = codes.map((code) => ({ $ref: refTo(problemName(code)) }))
  return {
    description: codes.map((code) => `\`${code}\`: ${problems[code].title}.`).join(' '),
    headers: headersOf({
      retry: codes.includes('idempotency_in_progress') || problems[codes[0]!].status === 503,
      challenge: codes.includes('unauthorized'),
    }),
    content: {
      'application/problem+json': {
        schema: forms.length === 1 ? forms[0] : { oneOf: forms },
        examples: Object.fromEntries(codes.map((code) => [code, { value: exampleOf(code) }])),
      },
    },
  }
}

const exampleOf = (code: ErrorCode) => ({
  type: problemType(code),
  title: problems[code].title,
  status: problems[code].status,
  detail: `${problems[code].title}.`,
  code,
  request_id: '0b9f6a0e-4c1d-4f7e-9d55-0d8f3a0a8f11',
  ...(code === 'validation_failed' && { errors: [{ pointer: '#/quantity', detail: 'is required' }] }),
})

// Whether answers are what the OpenAPI document says: which statuses an operation has, and the form of each.

import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'

/** By a pointer into the document: null, or what is wrong with the value. */
export type Validate = (pointer: string, value: unknown) => string | null

export function validatorOf(document: object): Validate {
  const ajv = new Ajv2020({ strict: false, allErrors: false })
  ajv.addFormat('date-time', /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/)
  ajv.addFormat('uuid', /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i)
  ajv.addFormat('decimal', /^-?\d+(\.\d+)?$/)
  ajv.addSchema(document, 'api')
  const validators = new Map<string, ValidateFunction>()
  return (pointer, value) => {
    const validate = validators.get(pointer) ?? ajv.compile({ $ref: `api#${pointer}` })
    validators.set(pointer, validate)
    return validate(value) ? null : ajv.errorsText(validate.errors)
  }
}

export const escaped = (part: string): string =>
  encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'))

/** One JSON value: NDJSON is a text of many. */
export const isJsonType = (contentType: string): boolean =>
  /^application\/([\w.-]+\+)?json\b/.test(contentType)

type Response = { $ref?: string; content?: Record<string, unknown> }
type Operation = { responses: Record<string, Response> }
export type Document = {
  paths: Record<string, Record<string, Operation>>
  components: { responses: Record<string, Response> }
}
export type Answered = {
  method: string
  path: string
  status: number
  contentType: string | null
  body: unknown
}

/** What is wrong with an answer, or null. What is no operation of the document is not judged. */
export function judgeAnswers(document: Document): (answer: Answered) => string | null {
  const validate = validatorOf(document)
  const paths = Object.entries(document.paths).map(([path, methods]) => ({
    path,
    methods,
    pattern: new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`),
  }))
  return ({ method, path, status, contentType, body }) => {
    const name = new URL(path, 'http://x').pathname
    const found = paths.find(({ pattern, methods }) => pattern.test(name) && method.toLowerCase() in methods)
    const operation = found?.methods[method.toLowerCase()]
    if (found === undefined || operation === undefined) return null
    const listed = operation.responses[status]
    if (listed === undefined) return `status ${status} is not in the document`
    const shared = listed.$ref?.split('/').at(-1)
    const { content } = shared === undefined ? listed : document.components.responses[shared]!
    if (content === undefined) return body === '' ? null : 'the document knows of no body'
    const type = contentType?.split(';')[0] ?? ''
    if (!(type in content)) return `the media type ${type} is not in the document`
    if (!isJsonType(type)) return null
    const response =
      shared === undefined
        ? `/paths/${escaped(found.path)}/${method.toLowerCase()}/responses/${status}`
        : `/components/responses/${shared}`
    return validate(`${response}/content/${escaped(type)}/schema`, body)
  }
}

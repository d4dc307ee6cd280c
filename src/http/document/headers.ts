// The headers of answers, in the document.

const text = (description: string, example: string, more: object = {}) => ({
  description,
  schema: { type: 'string', ...more },
  example,
})

const headers = {
  RequestId: text(
    'Names the request in both sides’ logs: the one that came with it, or a new one.',
    '0b9f6a0e-4c1d-4f7e-9d55-0d8f3a0a8f11',
  ),
  RetryAfter: {
    description: 'Send the same request again after so many seconds.',
    schema: { type: 'integer', minimum: 0 },
    example: 5,
  },
  IdempotencyReplayed: text(
    'There where the first request with this Idempotency-Key was answered already: this is its answer.',
    'true',
    { const: 'true' },
  ),
  PreferenceApplied: text('There if `Prefer: handling=lenient` was sent.', 'handling=lenient', {
    const: 'handling=lenient',
  }),
  WwwAuthenticate: text('How to identify oneself.', 'Bearer realm="tollgate"'),
}

type Header = keyof typeof headers

const refTo = (name: Header) => ({ $ref: `#/components/headers/${name}` })

/** Which headers an answer may have. */
type Kinds = { retry?: boolean; replay?: boolean; preference?: boolean; challenge?: boolean }

export const headersOf = ({ retry, replay, preference, challenge }: Kinds = {}) => ({
  'x-request-id': refTo('RequestId'),
  ...(retry && { 'retry-after': refTo('RetryAfter') }),
  ...(replay && { 'idempotency-replayed': refTo('IdempotencyReplayed') }),
  ...(preference && { 'preference-applied': refTo('PreferenceApplied') }),
  ...(challenge && { 'www-authenticate': refTo('WwwAuthenticate') }),
})

export const headerComponents = headers

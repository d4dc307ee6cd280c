// The reference for people: one page of plain HTML made of the OpenAPI document, with nothing loaded from elsewhere.

import { type ErrorCode, errorCodes } from '../kernel/errors.ts'
import { escapeHtml, inline } from './html.ts'
import type { OpenApiDocument } from './openapi.ts'
import { problems } from './problem.ts'
import { type Schema, schemaHtml } from './schema-html.ts'

type Parameter = { name: string; in: string; required?: boolean; description?: string; schema?: Schema }
type Content = Record<string, { schema?: Schema }>
type Operation = {
  operationId: string
  summary?: string
  description?: string
  tags?: string[]
  security?: Record<string, unknown>[]
  parameters?: Parameter[]
  requestBody?: { content: Content }
  responses: Record<string, { description: string; content?: Content }>
}

/** When each error comes, beyond its title. */
const ADVICE: Partial<Record<ErrorCode, string>> = {
  store_unavailable:
    'Whether it took effect may be unknown. Send the same request again: an event that has an <code>id</code> is counted once.',
  backlog_full: 'Nothing was counted. Send the same request again after <code>Retry-After</code> seconds.',
  meaning_would_change: 'The answer says what to do instead.',
  event_conflict:
    'Nothing of the batch was counted, or with <code>Prefer: handling=lenient</code> nothing of that event.',
  validation_failed: '<code>errors</code> names each place and what would be right there.',
  internal: 'Report the <code>request_id</code>.',
}

const STYLE = `
:root{color-scheme:light dark;--line:#8884;--soft:#8881}
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:2rem 1rem 6rem}
h1{margin-bottom:0}h2{margin-top:3rem;border-bottom:1px solid var(--line)}h3{margin:2.5rem 0 .25rem}
code,pre,.m{font:13px/1.5 ui-monospace,monospace}code{background:var(--soft);padding:.1em .3em;border-radius:3px}
table{border-collapse:collapse;width:100%}td,th{border-top:1px solid var(--line);padding:.3rem .6rem .3rem 0;text-align:left;vertical-align:top}
ul{padding-left:1.2rem;margin:.2rem 0}details{margin:.4rem 0}summary{cursor:pointer}.m{font-weight:600}.t{opacity:.7}
nav ul{columns:3 14rem}a{color:inherit}`

export function referencePage(document: OpenApiDocument): string {
  const schemas = (document.components?.schemas ?? {}) as Record<string, Schema>
  const operations = Object.entries(document.paths ?? {}).flatMap(([path, methods]) =>
    Object.entries(methods as Record<string, Operation>).map(([method, operation]) => ({
      path,
      method,
      operation,
    })),
  )
  const groups = (document.tags ?? []).map((tag) => ({
    ...tag,
    operations: operations.filter(({ operation }) => operation.tags?.includes(tag.name)),
  }))
  const shown = groups.filter((group) => group.operations.length > 0)
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escapeHtml(document.info.title)} API</title><style>${STYLE}</style></head><body>
<h1>${escapeHtml(document.info.title)}</h1>
<p class="t">Version ${escapeHtml(document.info.version)} · <a href="/openapi.json">openapi.json</a></p>
${prose(document.info.description)}
<nav><ul>${shown.flatMap((group) => group.operations.map(({ operation }) => `<li><a href="#${operation.operationId}">${escapeHtml(operation.summary)}</a></li>`)).join('')}<li><a href="#errors">Errors</a></li></ul></nav>
${shown.map((group) => `<h2>${escapeHtml(group.name)}</h2>${prose(group.description)}${group.operations.map((one) => operationHtml(one, schemas)).join('')}`).join('\n')}
<h2 id="errors">Errors</h2>
<table><tr><th>code</th><th>status</th><th>meaning</th></tr>${errorCodes.map(errorRow).join('')}</table>
</body></html>
`
}

const errorRow = (code: ErrorCode): string =>
  `<tr id="${code}"><td><code>${code}</code></td><td>${problems[code].status}</td><td>${escapeHtml(problems[code].title)}. ${ADVICE[code] ?? ''}</td></tr>`

function operationHtml(
  { path, method, operation }: { path: string; method: string; operation: Operation },
  schemas: Record<string, Schema>,
): string {
  const {
    operationId,
    summary,
    description,
    parameters = [],
    requestBody,
    responses,
    security = [],
  } = operation
  const who = 'adminToken' in (security[0] ?? {}) ? 'admin token' : security.length > 0 ? 'API key' : 'public'
  return `<section><h3 id="${operationId}">${escapeHtml(summary)}</h3>
<p class="m">${method.toUpperCase()} ${escapeHtml(path)} <span class="t">· ${who}</span></p>${prose(description)}
${parameters.length > 0 ? `<table>${parameters.map((parameter) => parameterRow(parameter)).join('')}</table>` : ''}
${requestBody ? contentHtml('Body', requestBody.content, schemas, true) : ''}
<table>${Object.entries(responses)
    .map(([status, { description, content }]) => {
      const detail = content && status < '400' ? contentHtml('', content, schemas, false) : ''
      return `<tr><td>${status}</td><td>${inline(description)}${detail}</td></tr>`
    })
    .join('')}</table></section>`
}

const parameterRow = ({ name, in: where, required, description }: Parameter): string =>
  `<tr><td><code>${escapeHtml(name)}</code></td><td class="t">${escapeHtml(where)}${required ? ', required' : ''}</td><td>${inline(description)}</td></tr>`

/** `input`: it matters which fields are required. */
const contentHtml = (
  title: string,
  content: Content,
  schemas: Record<string, Schema>,
  input: boolean,
): string =>
  Object.entries(content)
    .map(
      ([type, { schema }]) =>
        `<details><summary>${title} <code>${escapeHtml(type)}</code></summary>${schema ? schemaHtml(schema, { schemas, input }) : ''}</details>`,
    )
    .join('')

const prose = (text = ''): string =>
  text
    .split(/\n{2,}/)
    .filter((paragraph) => paragraph !== '')
    .map((paragraph) => `<p>${inline(paragraph)}</p>`)
    .join('')

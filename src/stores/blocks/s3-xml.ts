// The answers of S3 that are XML: what is in a bucket, what went wrong, and what becomes of an upload in parts. Read strictly: an answer that is anything
// else (a proxy's page, a part that was cut off) is an error, and never an empty list.

import { REASON_CHARS } from './limits.ts'

export type ListedPage = { objects: { key: string; modifiedMs: number }[]; next: string | null }

type Element = { name: string; text: string; children: Element[] }

/** Throws an Error for what is no ListObjectsV2 result. */
export function readListing(xml: string): ListedPage {
  const root = rootOf(xml)
  if (root.name !== 'ListBucketResult') throw new Error(`It is no list of a bucket, but <${root.name}>`)
  const objects = root.children
    .filter(({ name }) => name === 'Contents')
    .map((object) => ({ key: textIn(object, 'Key'), modifiedMs: instantIn(object, 'LastModified') }))
  const truncated = textIn(root, 'IsTruncated')
  if (truncated !== 'true' && truncated !== 'false') throw new Error(`IsTruncated is ${truncated}`)
  return { objects, next: truncated === 'true' ? textIn(root, 'NextContinuationToken') : null }
}

/** Throws an Error for what is no answer to the beginning of an upload in parts. */
export function readUploadId(xml: string): string {
  const root = rootOf(xml)
  if (root.name !== 'InitiateMultipartUploadResult') throw new Error(`It begins no upload: <${root.name}>`)
  return textIn(root, 'UploadId')
}

/** Throws an Error for what does not say that an upload in parts is completed. */
export function readUpload(xml: string): void {
  const root = rootOf(xml)
  if (root.name === 'CompleteMultipartUploadResult') return
  const failure = readFailure(xml)
  throw new Error(
    failure === null ? `It completes no upload: <${root.name}>` : `${failure.code} ${failure.message}`,
  )
}

/** The code of an error and what S3 says about it; null for an answer that says neither, as one to HEAD or of a proxy. */
export function readFailure(xml: string): { code: string; message: string } | null {
  try {
    const root = rootOf(xml)
    if (root.name !== 'Error') return null
    const message = root.children.find(({ name }) => name === 'Message')?.text ?? ''
    return { code: textIn(root, 'Code'), message: message.slice(0, REASON_CHARS) }
  } catch {
    return null
  }
}

const TOKEN =
  /<\?xml[^<>]*\?>|<(\/?)([A-Za-z][\w.:-]*)((?:\s+[\w.:-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(\/?)>|([^<]+)/y

/** Elements and text, and nothing else that XML has: no document types, no sections, no comments. */
function rootOf(xml: string): Element {
  const document: Element = { name: '', text: '', children: [] }
  const open = [document]
  TOKEN.lastIndex = 0
  while (TOKEN.lastIndex < xml.length) {
    const at = TOKEN.lastIndex
    const token = TOKEN.exec(xml)
    if (token === null) throw new Error(`It is no XML that is understood, from character ${at} on`)
    const [whole, slash, name, , empty, text] = token
    const current = open.at(-1)!
    if (text !== undefined) current.text += unescaped(text)
    else if (name === undefined) {
      if (at > 0) throw new Error('It has a declaration within')
    } else if (slash === '/') {
      if (current.name !== name || open.length === 1) throw new Error(`${whole} ends nothing`)
      open.pop()
    } else {
      const element = { name, text: '', children: [] }
      current.children.push(element)
      if (empty !== '/') open.push(element)
    }
  }
  if (open.length > 1) throw new Error(`<${open.at(-1)!.name}> does not end`)
  const [root] = document.children
  if (root === undefined || document.children.length > 1 || document.text.trim() !== '')
    throw new Error('It has no root')
  return root
}

const NAMED: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

function unescaped(text: string): string {
  return text.replace(/&(?:#(\d{1,7})|#x([\da-fA-F]{1,6})|(\w+));|&/g, (whole, decimal, hex, name) => {
    const point = decimal !== undefined ? Number(decimal) : Number.parseInt(hex, 16)
    if (point <= 0x10_ffff) return String.fromCodePoint(point)
    const character = NAMED[name]
    if (character === undefined) throw new Error(`${whole} is no character`)
    return character
  })
}

function textIn({ name: parent, children }: Element, wanted: string): string {
  const found = children.filter(({ name }) => name === wanted)
  if (found.length !== 1 || found[0]!.children.length > 0)
    throw new Error(`<${parent}> has not one <${wanted}> of text`)
  return found[0]!.text
}

function instantIn(parent: Element, wanted: string): number {
  const ms = Date.parse(textIn(parent, wanted))
  if (Number.isNaN(ms)) throw new Error(`<${wanted}> is no time`)
  return ms
}

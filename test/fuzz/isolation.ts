// Whether an answer to one tenant has anything of another in it.

import { type Actor, openMarkersIn } from './actor.ts'

/** What another tenant's ids this request uses: answers may repeat them from now on. */
export function noteSent(actor: Actor, bytes: Buffer): void {
  const text = readable(bytes.toString('latin1'))
  for (const other of actor.others)
    for (const marker of openMarkersIn(text, other)) actor.sentOpen.add(marker)
}

/** What of other tenants is in an answer to this one. */
export function strangers(actor: Actor, answer: string): string[] {
  const text = readable(answer)
  return actor.others.flatMap((other) => {
    const found: string[] = []
    if (text.includes(other.secret)) found.push(`data of tenant ${other.name} (${other.secret})`)
    if (text.includes(other.id)) found.push(`the id of tenant ${other.name}`)
    if (text.includes(other.apiKey)) found.push(`the API key of tenant ${other.name}`)
    const unsent = openMarkersIn(text, other).filter(
      (marker) => ![...actor.sentOpen].some((sent) => sent.startsWith(marker) || marker.startsWith(sent)),
    )
    if (unsent.length > 0) found.push(`ids of tenant ${other.name} that were never sent: ${unsent[0]}`)
    return found
  })
}

/** With what is hidden in escapes and in cursors. */
function readable(text: string): string {
  const cursors = text.match(/[A-Za-z0-9_-]{20,}/g) ?? []
  const decoded = cursors.map((cursor) => Buffer.from(cursor, 'base64url').toString())
  const unescaped = text.replace(/%([0-9a-f]{2})|\\u00([0-9a-f]{2})/gi, (_, percent, unicode) =>
    String.fromCharCode(Number.parseInt(percent ?? unicode, 16)),
  )
  return [text, unescaped, ...decoded].join('\n')
}

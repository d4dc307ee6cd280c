// Acts as Redis notes them: a slot for each correction's way in and one for its way out, and a text, in which the names of blocks
// are put together by segment.

import type { ActNote, NoteKind } from '../../log/offered-ports.ts'

type Text = Pick<ActNote, 'correction' | 'taken'> & {
  /** by segment: what comes after the tenant in the names */
  blocks: Record<string, string[]>
}

export const slotOf = (correction: string, kind: NoteKind): string =>
  `${correction}${kind === 'revert' ? '-' : '+'}`

/** As scripts/acts.ts takes it: slot, kind, instant, text. */
export function notedArguments({ kind, at, correction, blocks, taken }: ActNote): string[] {
  const bySegment: Record<string, string[]> = {}
  for (const name of blocks) {
    const [segment, , part] = name.split('/') as [string, string, string]
    bySegment[segment] = [...(bySegment[segment] ?? []), part]
  }
  const text: Text = { correction, blocks: bySegment, taken }
  return [slotOf(correction.correction, kind), kind, at, JSON.stringify(text)]
}

/** `flat`: position, kind, instant, text … */
export function actsIn(tenantId: string, flat: string[]): { position: number; note: ActNote }[] {
  const notes: { position: number; note: ActNote }[] = []
  for (let i = 0; i < flat.length; i += 4) {
    const { correction, blocks, taken } = JSON.parse(flat[i + 3]!) as Text
    const names = Object.entries(blocks).flatMap(([segment, parts]) =>
      parts.map((part) => `${segment}/${tenantId}/${part}`),
    )
    const note = { kind: flat[i + 1] as NoteKind, at: flat[i + 2]!, correction, blocks: names, taken }
    notes.push({ position: Number(flat[i]), note })
  }
  return notes
}

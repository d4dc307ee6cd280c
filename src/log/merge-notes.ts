// A tenant that was moved has notes of its acts in several places. As one list they are what one place would have.

import type { ActNote, NoteKind } from './offered-ports.ts'

export type PlacedNote = { position: number; note: ActNote }

/** A correction's way in, and its way out. */
const slotOf = ({ kind, correction }: ActNote): string =>
  `${correction.correction} ${kind === 'revert' ? 'out' : 'in'}`

/** As noting has it where they are in one place: what is noted stays, unless it is further on now, or was entered once more. */
export function mergedNotes(places: PlacedNote[][]): PlacedNote[] {
  if (places.length <= 1) return places[0] ?? []
  const merged = new Map<string, PlacedNote>()
  for (const one of places.flat().sort((a, b) => a.position - b.position)) {
    const slot = slotOf(one.note)
    const was = merged.get(slot)?.note
    if (was !== undefined && stays(was, one.note)) continue
    merged.delete(slot)
    merged.set(slot, one)
  }
  return [...merged.values()]
}

const STAYS: Partial<Record<NoteKind, NoteKind>> = { cancelled: 'apply' }

const stays = (was: ActNote, now: ActNote): boolean =>
  now.kind === 'want' || STAYS[was.kind] === now.kind || (was.kind === now.kind && was.at === now.at)

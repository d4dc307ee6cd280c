import { describe, expect, it } from 'vitest'
import { mergedNotes, type PlacedNote } from '../../src/log/merge-notes.ts'
import type { ActNote, NoteKind } from '../../src/log/offered-ports.ts'

const note = (position: number, correction: string, kind: NoteKind, at = ''): PlacedNote => ({
  position,
  note: { kind, at, correction: { correction }, blocks: [], taken: null } as unknown as ActNote,
})
const told = (places: PlacedNote[][]) =>
  mergedNotes(places).map(
    ({ position, note: { kind, correction } }) => `${correction.correction} ${kind} ${position}`,
  )

describe('notes of a tenant that was moved are what one place would have', () => {
  it.each<[string, PlacedNote[][], string[]]>([
    [
      'in the order of their places',
      [[note(1, 'a', 'apply', '1'), note(4, 'c', 'apply', '4')], [note(2, 'b', 'apply', '2')]],
      ['a apply 1', 'b apply 2', 'c apply 4'],
    ],
    [
      'once, where the new home noted again what the old one had',
      [[note(1, 'a', 'apply', '1')], [note(7, 'a', 'apply', '1'), note(8, 'b', 'apply', '8')]],
      ['a apply 1', 'b apply 8'],
    ],
    [
      'further on, where one that waited was applied in the new home',
      [[note(1, 'a', 'want'), note(2, 'b', 'apply', '2')], [note(3, 'a', 'apply', '3')]],
      ['b apply 2', 'a apply 3'],
    ],
    [
      'no further back',
      [[note(1, 'a', 'cancelled')], [note(2, 'a', 'want'), note(3, 'a', 'apply', '3')]],
      ['a cancelled 1'],
    ],
    [
      'anew, where it was entered once more',
      [[note(1, 'a', 'apply', '1')], [note(5, 'a', 'apply', '5')]],
      ['a apply 5'],
    ],
    [
      'way in and way out apart',
      [[note(1, 'a', 'apply', '1')], [note(2, 'a', 'revert', '2')]],
      ['a apply 1', 'a revert 2'],
    ],
    [
      'as they are, in one place',
      [[note(2, 'a', 'apply', '2'), note(3, 'a', 'revert', '3')]],
      ['a apply 2', 'a revert 3'],
    ],
  ])('%s', (_name, places, expected) => {
    expect(told(places)).toEqual(expected)
    expect(told([...places].reverse())).toEqual(expected)
  })
})

import { describe, expect, it } from 'vitest'
import { CommitterLoad, OBJECTS_PER_TENANT } from '../../src/stores/redis/committer-load.ts'

function loadAt() {
  const at = { ms: 0, random: 0 }
  const load = new CommitterLoad(
    () => at.ms,
    () => at.random,
  )
  /** Every object that a call may be sent to now. */
  const choices = (tenant = 'a') =>
    [
      ...new Set(
        Array.from({ length: 200 }, (_, i) => {
          at.random = i / 200
          return load.pick(tenant)
        }),
      ),
    ].sort()
  return { at, load, choices }
}

describe('how many committers a tenant has', () => {
  it('is one, until it is overloaded: then the next one takes calls, and after a moment both do', () => {
    const { at, load, choices } = loadAt()
    expect(choices()).toEqual([0])
    load.overloaded('a', 0)
    expect(choices()).toEqual([1])
    expect(choices('b')).toEqual([0])
    at.ms += 500
    expect(choices()).toEqual([0, 1])
  })

  it('is one more for an overload, however many calls it is told to', () => {
    const { at, load, choices } = loadAt()
    for (let i = 0; i < 50; i++) load.overloaded('a', 0)
    at.ms += 500
    expect(choices()).toEqual([0, 1])
  })

  it('is bounded, and where all are overloaded there is none to ask', () => {
    const { load, choices } = loadAt()
    for (let n = 0; n < 2 * OBJECTS_PER_TENANT; n++) load.overloaded('a', n % OBJECTS_PER_TENANT)
    expect(choices()).toEqual([null])
  })

  it('is one again when nothing was overloaded for a minute', () => {
    const { at, load, choices } = loadAt()
    load.overloaded('a', 0)
    at.ms += 59_999
    expect(choices()).toEqual([0, 1])
    at.ms += 1
    expect(choices()).toEqual([0])
  })

  it('does not grow for one that fails: it is left alone for a second', () => {
    const { at, load, choices } = loadAt()
    load.failed('a', 0)
    expect(choices()).toEqual([null])
    at.ms += 1_000
    expect(choices()).toEqual([0])
  })
})

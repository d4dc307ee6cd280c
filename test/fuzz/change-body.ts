// Changes a body: at a place in its JSON, or in its bytes.

import { type Actor, named } from './actor.ts'
import { copyOf, Fields, type Json, jsonText, places, Raw } from './json-text.ts'
import { BROKEN_TOKENS, BROKEN_UTF8, NUMBERS, nastyString, PROTOTYPE_NAMES } from './nasty.ts'
import type { Random } from './random.ts'
import { type FuzzRequest, payloadOf } from './request.ts'

type Change = (request: FuzzRequest, random: Random, actor: Actor) => string | null

const MIB = 1_048_576

const nasty = (random: Random): Json =>
  random.pick<() => Json>([
    () => nastyString(random),
    () => nastyString(random),
    () => new Raw(random.pick(NUMBERS)),
    () => random.pick<Json>([null, true, false, [], new Fields([])]),
    () => random.pick<Json>([[null], [[]], [new Fields([])], new Fields([['', '']])]),
    () => nested(random.pick([2, 7, 8, 9, 10, 64]), random.chance(0.5)),
    () => new Fields(PROTOTYPE_NAMES.map((name) => [name, 'x'])),
  ])()

function nested(depth: number, list: boolean): Json {
  let value: Json = 'deep'
  for (let i = 0; i < depth; i++) value = list ? [value] : new Fields([['a', value]])
  return value
}

const fieldName = (random: Random): string =>
  random.chance(0.5) ? random.pick(PROTOTYPE_NAMES) : nastyString(random)

function anyObject(request: FuzzRequest, random: Random): Fields | null {
  const objects = places(request.body!)
    .map((place) => place.get())
    .filter((value) => value instanceof Fields)
  return objects.length === 0 ? null : random.pick(objects)
}

/** In the tree. */
const replaceValue: Change = (request, random) => {
  const place = random.pick(places(request.body!))
  place.set(nasty(random))
  return `the value of ${place.name ?? 'a place'}`
}

const takeAway: Change = (request, random) => {
  const place = random.pick(places(request.body!))
  place.set(undefined)
  return `${place.name ?? 'a place'} taken away`
}

const addField: Change = (request, random) => {
  const object = anyObject(request, random)
  if (object === null) return null
  const name = fieldName(random)
  object.entries.splice(random.int(object.entries.length + 1), 0, [name, nasty(random)])
  return `a field ${JSON.stringify(name.slice(0, 40))}`
}

const repeatField: Change = (request, random) => {
  const object = anyObject(request, random)
  if (object === null || object.entries.length === 0) return null
  const [name, value] = random.pick(object.entries)
  object.entries.splice(random.int(object.entries.length + 1), 0, [
    name,
    random.chance(0.5) ? value : nasty(random),
  ])
  return `${name} twice`
}

const renameField: Change = (request, random) => {
  const object = anyObject(request, random)
  if (object === null || object.entries.length === 0) return null
  const entry = random.pick(object.entries)
  const was = entry[0]
  entry[0] = random.pick([was.toUpperCase(), ` ${was}`, `${was}\u200b`, `${was}\0`, fieldName(random)])
  return `${was} renamed`
}

const wrapped: Change = (request, random) => {
  const place = random.pick(places(request.body!))
  const value = place.get()
  place.set(random.chance(0.5) ? [value] : new Fields([[place.name ?? 'a', value]]))
  return 'something wrapped'
}

const manyItems: Change = (request, random) => {
  const root = request.body!
  const count = random.pick([0, 2, 101, 999, 1_000, 1_001, 1_100])
  const item = Array.isArray(root.value) ? (root.value[0] ?? new Fields([])) : root.value
  root.value = Array.from({ length: count }, (_, i) => {
    const one = copyOf(item)
    // Half the time all have the same id.
    if (one instanceof Fields && count % 2 === 0)
      for (const entry of one.entries)
        if (entry[0] === 'id') entry[1] = `${jsonText(entry[1]).slice(1, -1)}${i}`
    return one
  })
  return `a list of ${count}`
}

const manyFields: Change = (request, random) => {
  const object = anyObject(request, random)
  if (object === null) return null
  const count = random.pick([51, 64, 65, 1_000])
  for (let i = 0; i < count; i++) object.entries.push([`f${i}`, 'x'])
  return `${count} more fields`
}

/** Another tenant's id in some text. */
const foreignText: Change = (request, random, actor) => {
  const texts = places(request.body!).filter((place) => typeof place.get() === 'string')
  if (texts.length === 0) return null
  const other = random.pick(actor.others)
  random.pick(texts).set(named(other, random.pick(['customers', 'meters', 'plans'] as const), random, 0))
  return 'an id of another tenant'
}

/** In the bytes. */
const bytes =
  (what: string, make: (payload: Buffer, random: Random) => Buffer): Change =>
  (request, random) => {
    request.payload = make(payloadOf(request)!, random)
    return what
  }

const inserted = (payload: Buffer, at: number, part: Buffer): Buffer =>
  Buffer.concat([payload.subarray(0, at), part, payload.subarray(at)])

const brokenUtf8 = bytes('broken UTF-8', (payload, random) =>
  inserted(payload, random.int(payload.length + 1), random.pick(BROKEN_UTF8)),
)
const cutShort = bytes('cut short', (payload, random) => payload.subarray(0, random.int(payload.length + 1)))
const marked = bytes('a byte order mark', (payload) => inserted(payload, 0, Buffer.from('\ufeff')))
const utf16 = bytes('UTF-16', (payload) => Buffer.from(payload.toString(), 'utf16le'))
const flipped = bytes('a byte flipped', (payload, random) => {
  const copy = Buffer.from(payload)
  if (copy.length > 0) copy[random.int(copy.length)] = random.int(256)
  return copy
})
const brokenToken = bytes('a broken token', (payload, random) => {
  const text = payload.toString()
  const at = text.indexOf(':', random.int(text.length + 1))
  return Buffer.from(
    at < 0
      ? random.pick(BROKEN_TOKENS)
      : `${text.slice(0, at + 1)}${random.pick(BROKEN_TOKENS)},${text.slice(at + 1)}`,
  )
})
const escaped = bytes('names and texts in \\u escapes', (payload, random) =>
  Buffer.from(
    payload
      .toString()
      .replace(/[a-z_]/g, (char) =>
        random.chance(0.5) ? char : `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
      ),
  ),
)
/** The name that objects lose, as those would write it who know that it is looked for. */
const hiddenProto = bytes('a name __proto__ in escapes', (payload, random) => {
  const names = [...payload.toString().matchAll(/"[\w]+":/g)]
  if (names.length === 0) return payload
  const { 0: name, index } = random.pick(names)
  const text = payload.toString()
  const proto = random.pick(['\\u005f_proto__', '__pr\\u006Fto__', '_\\u005Fproto__'])
  return Buffer.from(`${text.slice(0, index)}"${proto}":${text.slice(index + name.length)}`)
})
const trailing = bytes('something after the end', (payload, random) =>
  Buffer.concat([payload, Buffer.from(random.pick(['{}', ',', '\0', '\n\n  ', ']', 'x']))]),
)
const whole = bytes('another body', (_, random) =>
  Buffer.from(
    random.pick([
      ...['', ' ', 'null', 'true', '0', '""', '[]', '{}', '[[]]', '[null]', '[1e999]', 'a=b&c=d', '<xml/>'],
      '['.repeat(random.pick([100, 5_000, 100_000])),
      `${'['.repeat(20_000)}${']'.repeat(20_000)}`,
      `${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`,
      `{"__proto__":${'{"__proto__":'.repeat(200)}1${'}'.repeat(200)}}`,
      '{"\\u005f_proto__":{"customer_id":"x"}}',
    ]),
  ),
)
const padded = bytes('of just so many bytes', (payload, random) => {
  const size = random.pick([MIB - 1, MIB, MIB + 1, MIB * 2])
  return Buffer.concat([payload, Buffer.alloc(Math.max(0, size - payload.length), ' ')])
})

const TREE_CHANGES: [number, Change][] = [
  [8, replaceValue],
  [3, takeAway],
  [3, addField],
  [2, repeatField],
  [2, renameField],
  [2, wrapped],
  [0.7, manyItems],
  [0.5, manyFields],
  [1, foreignText],
]
const BYTE_CHANGES: [number, Change][] = [
  [3, brokenUtf8],
  [2, cutShort],
  [1, marked],
  [0.5, utf16],
  [2, flipped],
  [2, brokenToken],
  [2, escaped],
  [2, hiddenProto],
  [1, trailing],
  [2, whole],
  [0.15, padded],
]

export function weighted<Item>(random: Random, items: [number, Item][]): Item {
  let at = random.next() * items.reduce((sum, [weight]) => sum + weight, 0)
  for (const [weight, item] of items) {
    at -= weight
    if (at < 0) return item
  }
  return items.at(-1)![1]
}

/** One change of the body; it has one. */
export function changeBody(request: FuzzRequest, random: Random, actor: Actor): void {
  const inTree = request.payload === null && random.chance(0.7)
  const what = weighted(random, inTree ? TREE_CHANGES : BYTE_CHANGES)(request, random, actor)
  if (what !== null) request.changes.push(what)
}

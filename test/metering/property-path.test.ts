import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { property, propertyPointer } from '../../src/metering/property.ts'
import { parsePath } from '../../src/metering/property-path.ts'

describe('what a meter names', () => {
  it.each<[string, string[]]>([
    ['user_id', ['user_id']],
    ['user-id', ['user-id']],
    ['price (eur)', ['price (eur)']],
    [' blanks around ', [' blanks around ']],
    ['$price', ['$price']],
    ['a*', ['a*']],
    ['*', ['*']],
    ["it's", ["it's"]],
    ['größe😀', ['größe😀']],
    ['constructor', ['constructor']],
    ['usage.total_tokens', ['usage', 'total_tokens']],
    ['$.usage.total_tokens', ['usage', 'total_tokens']],
    ['$.quantity', ['quantity']],
    ['price (eur).net', ['price (eur)', 'net']],
    ['$price.net', ['$price', 'net']],
    ['a[0]', ['a', '0']],
    ['a.0.b', ['a', '0', 'b']],
    ['a[ 12 ].b', ['a', '12', 'b']],
    ["$.a['b c'][0]", ['a', 'b c', '0']],
    ['$["a"]["b"].c', ['a', 'b', 'c']],
    ["['a.b'].c", ['a.b', 'c']],
    ["$['a..b']", ['a..b']],
    ["$['']", ['']],
    ['$[\'it\\\'s\']["a \\"b\\""]', ["it's", 'a "b"']],
    ["$['\\\\ \\/ \\n \\u00e9 \\ud83d\\ude00']", ['\\ / \n é 😀']],
    ["$['[]]']", ['[]]']],
    ['a.b.c.d.e.f.g.h.i', [...'abcdefghi']],
  ])('%s is %j', (written, names) => {
    expect(parsePath(written)).toEqual({ names })
  })

  it.each<[string, string]>([
    ['$', '"$" at character 1 is all of them. Write "$.user_id"'],
    ['$.', 'lacks a name at character 3'],
    ['$..a', 'has two dots at character 3'],
    [
      'a..b',
      `has two dots at character 3 (a path leads to one place, as "usage.total_tokens" or "items[0].price"). A property of just this name is written "$['a..b']"`,
    ],
    ['.a', 'lacks a name at character 1'],
    ['a.', 'lacks a name at character 3'],
    ['a.*', 'has a "*" at character 3'],
    ['a[*]', 'has "*" in brackets at character 3'],
    ['a[1:2]', 'has "1" in brackets at character 3'],
    ['a[-1]', 'has "-" in brackets at character 3'],
    ['a[?(@.b)]', 'has "?" in brackets at character 3'],
    ['a[0', 'has a "[" that is never closed at character 2'],
    ['a0]', 'has a "]" without its "[" at character 3'],
    ['größe😀[', 'has a "[" that is never closed at character 7'],
    ['a[]', 'has neither an index nor a name in quotes in brackets at character 3'],
    ['a[01]', 'has neither an index'],
    ['price [eur]', 'has a blank around a name at character 1'],
    [
      'price[eur]',
      `has neither an index nor a name in quotes in brackets at character 7 (as in [0] or ['b c']). A property of just this name is written "$['price[eur]']"`,
    ],
    ["a['b]", 'has a quote that does not end before a "]" at character 3'],
    ["a['b'", 'has a "[" that is never closed at character 2'],
    ["a['b']c", 'lacks a dot or a bracket at character 7'],
    ["a.'b'", 'has a quote without a bracket at character 3'],
    ['a. b', "has a blank around a name at character 3 (in quotes it can: [' b'])"],
    ["a['\\x']", 'has the escape \\x in quotes at character 3'],
    ["a['\\u12']", 'has the escape \\u in quotes'],
    ['__proto__', 'must not name "__proto__"'],
    ['a.__proto__.b', 'must not name "__proto__"'],
    ["$['__proto__']", 'must not name "__proto__"'],
    ["$['\\u005f_proto__']", 'must not name "__proto__"'],
    ["$['\\u0000']", 'must have names of Unicode text without NUL'],
    ["$['\\ud800']", 'must have names of Unicode text without NUL'],
    ['a.b.c.d.e.f.g.h.i.j', 'goes 10 levels down'],
  ])('%s is refused: %s', (written, expected) => {
    expect(parsePath(written)).toEqual({ wrong: expect.stringContaining(expected) })
  })
})

describe('a property', () => {
  const nested = {
    usage: { total_tokens: 12, none: null, 'b c': [{ d: 1 }, 2] },
    list: [[7], 'x'],
    text: 'abc',
  }
  it.each<[string, object, unknown, string]>([
    ['usage.total_tokens', nested, 12, '/usage/total_tokens'],
    ['$.usage.total_tokens', nested, 12, '/usage/total_tokens'],
    ["usage['b c'][0].d", nested, 1, '/usage/b c/0/d'],
    ['list[0][0]', nested, 7, '/list/0/0'],
    ['list.1', nested, 'x', '/list/1'],
    ['list[2]', nested, undefined, '/list/2'],
    ['list.length', nested, undefined, '/list/length'],
    ['list.at', nested, undefined, '/list/at'],
    ['text.length', nested, undefined, '/text/length'],
    ['text[0]', nested, undefined, '/text/0'],
    ['usage.none', nested, null, '/usage/none'],
    ['usage.none.more', nested, undefined, '/usage/none/more'],
    ['usage.constructor', nested, undefined, '/usage/constructor'],
    ['constructor', nested, undefined, '/constructor'],
    ['a.b', { 'a.b': 1, a: { b: 2 } }, 1, '/a.b'],
    ['$.a.b', { 'a.b': 1, a: { b: 2 } }, 2, '/a/b'],
    ['a.b', { 'a.b': null, a: { b: 2 } }, 2, '/a/b'],
    ["$['a.b']", { 'a.b': 1, a: { b: 2 } }, 1, '/a.b'],
    ["$['a/b'].c~", { 'a/b': { 'c~': 3 } }, 3, '/a~1b/c~0'],
    ['a..b', { 'a..b': 4 }, 4, '/a..b'],
    ['price [eur]', { 'price [eur]': 5 }, 5, '/price [eur]'],
    ['price [eur]', {}, undefined, '/price [eur]'],
  ])('%s of %j is %j, at %s', (written, properties, value, pointer) => {
    const all = properties as Record<string, unknown>
    for (let i = 0; i < 2; i++) {
      expect(property(all, written)).toEqual(value)
      expect(propertyPointer(all, written)).toBe(pointer)
    }
  })

  it('of any names is found by the path in each spelling, and is at its pointer', () => {
    const name = fc.oneof(
      fc.string({ minLength: 1, maxLength: 6 }),
      fc.string({ unit: 'grapheme', maxLength: 4 }),
      fc.constantFrom(
        'a',
        'b c',
        "it's",
        '"',
        '\\',
        '$',
        '.',
        '[0]',
        'length',
        'constructor',
        '0',
        '17',
        '~1/',
      ),
    )
    const names = fc
      .array(name, { minLength: 1, maxLength: 9 })
      .filter(
        (all) => !all.includes('__proto__') && all.every((one) => one.isWellFormed() && !one.includes('\0')),
      )
    fc.assert(
      fc.property(names, fc.infiniteStream(fc.nat(3)), fc.boolean(), (way, spellings, rooted) => {
        const properties = way.reduceRight<unknown>((inner, one) => ({ other: 1, [one]: inner }), 'found')
        const path = way.map((one) => spelled(one, spellings.next().value)).join('')
        const written = rooted || !path.startsWith('.') || way[0] === '$' ? `$${path}` : path.slice(1)
        expect(parsePath(written)).toEqual({ names: way })
        expect(property(properties as Record<string, unknown>, written)).toBe('found')
        const pointer = propertyPointer(properties as Record<string, unknown>, written)
        expect(atPointer(properties, pointer)).toBe('found')
      }),
      { numRuns: 500 },
    )
  })
})

/** One of the ways in which a path may have this name, with what is before it. */
function spelled(name: string, way: number): string {
  if (way === 0 && /^[\w$-]+( [\w-]+)*$/.test(name)) return `.${name}`
  if (way === 1 && /^(0|[1-9]\d{0,8})$/.test(name)) return `[${name}]`
  if (way === 2) return `[${JSON.stringify(name)}]`
  return `['${name.replace(/['\\]/g, '\\$&')}']`
}

const atPointer = (value: unknown, pointer: string): unknown =>
  pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce<unknown>((inner, part) => (inner as Record<string, unknown>)[part], value)

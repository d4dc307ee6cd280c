// The place of a property, as a meter names it: a plain name (`user_id`, `price (eur)`), or a path to what is nested
// (`usage.total_tokens`, `$.usage.total_tokens`, `$.choices[0]['finish reason']`): JSONPath's members and indexes, of which
// each names one place. What could name several (`*`, `..`, slices, filters) is none.

import { isStorable } from '../kernel/text.ts'
import { PROPERTY_DEPTH } from './limits.ts'

/** As in a JSON pointer: an index is a name, too. */
export type Names = readonly string[]

/** Nothing in an event lies deeper. */
const NAMES_PER_PATH = PROPERTY_DEPTH + 1

/** Any other text is the plain name of one property: `$price`, `user-id`. */
const LOOKS_LIKE_PATH = /[.[\]]|^\$$/
const PLAIN = /[^.[\]]*/y
const INDEX = /\s*(0|[1-9]\d{0,8})\s*\]/y
const QUOTED = /\s*('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")\s*\]/y
const OPEN_QUOTE = /\s*['"]/y
const ESCAPE = /\\(?:u([0-9a-fA-F]{4})|(.))/gu
const ESCAPED: Record<string, string> = {
  ...{ "'": "'", '"': '"', '\\': '\\', '/': '/' },
  ...{ b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' },
}

class NoPath extends Error {}

/** The names on the way to the property, one of them for a plain name; or what is wrong, where, and what would be right. */
export function parsePath(text: string): { names: Names } | { wrong: string } {
  try {
    const names = LOOKS_LIKE_PATH.test(text) ? new Reader(text).names() : [text]
    return { names: names.map(possible) }
  } catch (error) {
    if (error instanceof NoPath) return { wrong: error.message }
    throw error
  }
}

function possible(name: string): string {
  if (name === '__proto__') throw new NoPath('must not name "__proto__", which no event can carry')
  if (!isStorable(name))
    throw new NoPath('must have names of Unicode text without NUL, which an event can carry')
  return name
}

class Reader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  names(): string[] {
    const text = this.#text
    if (text === '$')
      throw new NoPath('must name a property: "$" at character 1 is all of them. Write "$.user_id", say')
    if (/^\$[.[]/.test(text)) this.#at = 1
    const names: string[] = []
    while (this.#at < text.length) {
      names.push(this.#step(names.length > 0 || this.#at > 0))
      if (names.length > NAMES_PER_PATH)
        this.#fail(`goes ${NAMES_PER_PATH + 1} levels down`, `no event is deeper than ${NAMES_PER_PATH}`)
    }
    return names
  }

  #step(after: boolean): string {
    if (this.#text[this.#at] === '[') return this.#bracket()
    if (after) {
      if (this.#text[this.#at] !== '.')
        this.#fail('lacks a dot or a bracket', 'what follows a "]" begins with one, as in "a[0].b"')
      this.#at++
    }
    return this.#plain()
  }

  #plain(): string {
    const [name] = this.#match(PLAIN)!
    const next = this.#text[this.#at + name.length]
    if (next === ']')
      this.#fail('has a "]" without its "["', 'an index stands in both, as in "a[0]"', name.length)
    if (name === '*') this.#fail('has a "*"', ONE_PLACE)
    if (name === '') {
      if (next === '.' && this.#text[this.#at - 1] === '.') this.#fail('has two dots', ONE_PLACE)
      this.#fail('lacks a name', 'one stands on each side of a dot, as in "usage.total_tokens"')
    }
    if (name.trim() !== name) this.#fail('has a blank around a name', `in quotes it can: ${inQuotes(name)}`)
    if (/^['"]/.test(name)) this.#fail('has a quote without a bracket', `both go together, as in ['b c']`)
    this.#at += name.length
    return name
  }

  #bracket(): string {
    const from = this.#at
    this.#at++
    const index = this.#match(INDEX)
    const quoted = index ? null : this.#match(QUOTED)
    if (!index && !quoted) {
      if (!this.#text.slice(from).includes(']'))
        this.#fail('has a "[" that is never closed', 'an index stands in both, as in "a[0]"', -1)
      if (this.#match(OPEN_QUOTE)) this.#fail('has a quote that does not end before a "]"', `as in ['b c']`)
      if (/^\s*(\*|\?|@|-|\d*\s*[:,])/.test(this.#text.slice(this.#at)))
        this.#fail(`has ${JSON.stringify(this.#text[this.#at])} in brackets`, ONE_PLACE)
      this.#fail('has neither an index nor a name in quotes in brackets', `as in [0] or ['b c']`)
    }
    const name = index ? index[1]! : this.#unescaped(quoted![1]!)
    this.#at += (index ?? quoted)![0].length
    return name
  }

  #unescaped(quoted: string): string {
    return quoted
      .slice(1, -1)
      .replace(ESCAPE, (written, hex: string | undefined, char: string | undefined) => {
        if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16))
        return (
          ESCAPED[char!] ??
          this.#fail(
            `has the escape ${written} in quotes`,
            `there are \\' \\" \\\\ \\/ \\b \\f \\n \\r \\t and \\u00e9`,
          )
        )
      })
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at
    return pattern.exec(this.#text)
  }

  #fail(what: string, right: string, further = 0): never {
    const character = [...this.#text.slice(0, this.#at + further)].length + 1
    const own = this.#text.startsWith('$')
      ? ''
      : `. A property of just this name is written "$[${inQuotes(this.#text).slice(1, -1)}]"`
    throw new NoPath(`must be a name or a path: it ${what} at character ${character} (${right})${own}`)
  }
}

const ONE_PLACE = 'a path leads to one place, as "usage.total_tokens" or "items[0].price"'

/** `['a b']` */
const inQuotes = (name: string): string => `['${name.replace(/['\\]/g, '\\$&')}']`

// What has broken other software: numbers at the edges, Unicode, names that JavaScript objects have already.

import type { Random } from './random.ts'

export const PROTOTYPE_NAMES = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'valueOf',
  'toJSON',
  'length',
  'then',
  '__defineGetter__',
]

/** JSON number tokens, all of them valid JSON. */
export const NUMBERS = [
  ...[
    '0',
    '-0',
    '-0.0',
    '0e0',
    '0E+9',
    '1',
    '-1',
    '1.0',
    '1E0',
    '1e2',
    '10e-1',
    '0.1',
    '0.30000000000000004',
  ],
  ...['1e308', '1.7976931348623157e308', '1e309', '-1e309', '1e-400', '5e-324', '2.2250738585072014e-308'],
  ...[
    '9007199254740991',
    '9007199254740992',
    '9007199254740993',
    '-9007199254740993',
    '18446744073709551616',
  ],
  ...['123456789012345', '1234567890123456', '999999999999999', '1000000000000000', '1e14', '1e15', '1e21'],
  ...[
    '999999999999999.999999999999',
    '0.000000000001',
    '0.0000000000001',
    '1e-7',
    '1e-12',
    '1e-13',
    '-1e-12',
  ],
  '1'.repeat(400),
  '1'.repeat(5_000),
  `0.${'0'.repeat(3_000)}1`,
  `1e${'9'.repeat(300)}`,
  `1e-${'9'.repeat(300)}`,
]

/** What is no JSON at all. */
export const BROKEN_TOKENS = [
  ...[
    'NaN',
    'Infinity',
    '-Infinity',
    '01',
    '1.',
    '.5',
    '0x1F',
    '+1',
    '1_0',
    'undefined',
    "'a'",
    'True',
    'nul',
  ],
  ...[
    '"a',
    '"\\x41"',
    '"\\u12"',
    '"a\tb"',
    '"\u0000"',
    '{"a"}',
    '{a:1}',
    '[1,]',
    '{"a":1,}',
    '//',
    '/**/1',
    '',
  ],
]

const TIMES = [
  ...['2026-02-30T00:00:00Z', '2026-11-22T24:00:00Z', '2026-11-22T23:59:60Z', '0000-01-01T00:00:00Z'],
  ...['9999-12-31T23:59:59.999999999Z', '+275760-09-13T00:00:00Z', '-271821-04-20T00:00:00Z', '2026-11-22'],
  ...['2026-11-22T10:00:00+99:99', '2026-11-22T10:00:00-00:00', '2026-11-22 10:00:00Z', '2026-11-22T10:00Z'],
  ...[
    '2026-13',
    '2026-00',
    '0000-01',
    '9999-12',
    '10000-01',
    '2026-1',
    'current ',
    'Current',
    '1970-01',
    '275760-09',
  ],
]

const UNICODE = [
  ...[
    '\0',
    'a\0b',
    '\ud800',
    'x\udc00',
    '\udfff\ud800',
    '\ufeff',
    '\ufffe',
    '\uffff',
    '\u2028',
    '\u2029',
    '\u0085',
  ],
  ...[
    'e\u0301',
    '\u00e9',
    '\u202eabc',
    '\u200b',
    'a\u200db',
    '\u0600',
    '𝔘😀',
    '👩‍👩‍👧‍👦',
    '\u{10ffff}',
    'İ',
    'ß',
    'ﬁ',
  ],
  ...['\r\n', 'a\nb', '\t', '\x1f', '\x7f', '\x1b[31m', '\u00a0', '١٢٣', '１２', '\u3000'],
]

const INJECTED = [
  ...[
    "'; drop table usage; --",
    '" or ""="',
    '{"$gt":""}',
    '<script>alert(1)</script>',
    '{{7*7}}',
    '%00',
    '%s%n',
  ],
  ...[
    '../../etc/passwd',
    '.',
    '..',
    '/',
    '//',
    '\\',
    '*',
    '?',
    '#',
    '~0~1',
    'a/b',
    'a,b',
    ',',
    '{p}',
    '{0}:x',
    '$1',
  ],
]

const WORDS = [
  '',
  ' ',
  '  a',
  'a ',
  'null',
  'true',
  'undefined',
  'NaN',
  'Infinity',
  '[]',
  '{}',
  '0',
  '-1',
  '""',
]

const DECIMALS = [
  ...[
    '-0',
    '0',
    '00',
    '01',
    '+1',
    '1.',
    '.5',
    '1e3',
    '1E-3',
    '0x10',
    '1,5',
    '1_000',
    ' 1',
    '1 ',
    '1.0',
    '-1',
    '∞',
  ],
  ...[
    '999999999999999',
    '1000000000000000',
    '999999999999999.999999999999',
    '0.000000000001',
    '0.0000000000001',
  ],
  ...['1e308', '1e309', '1e-400', '1'.repeat(64), '1'.repeat(65), '1'.repeat(3_000), `0.${'0'.repeat(60)}1`],
]

const LENGTHS = [63, 64, 65, 127, 128, 129, 200, 201, 254, 255, 500, 501, 512, 513, 2_000, 2_001, 70_000]

export function nastyString(random: Random): string {
  const list = random.pick([UNICODE, UNICODE, INJECTED, WORDS, TIMES, DECIMALS, PROTOTYPE_NAMES, null])
  if (list === null) {
    const unit = random.pick(['a', 'a', '0', 'é', '😀', '\ufdfa', '.', '\ud83d', '"', '\\', '<'])
    return unit.repeat(Math.ceil(random.pick(LENGTHS) / unit.length))
  }
  const text = random.pick(list)
  return random.chance(0.2) ? `a${text}b` : text
}

/** Bytes that are no UTF-8, or not the shortest. */
export const BROKEN_UTF8 = [
  ...[[0xff], [0xfe, 0xff], [0xc0, 0x80], [0xc0, 0xaf], [0xe0, 0x80, 0xaf], [0xf0, 0x80, 0x80, 0xaf]],
  ...[
    [0xed, 0xa0, 0x80],
    [0xed, 0xbf, 0xbf],
    [0xf4, 0x90, 0x80, 0x80],
    [0xf8, 0x88, 0x80, 0x80, 0x80],
    [0x80],
  ],
  ...[[0xc3], [0xe2, 0x82], [0xf0, 0x9f, 0x98], [0xef, 0xbb, 0xbf], [0x00]],
].map((bytes) => Buffer.from(bytes))

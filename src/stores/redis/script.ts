// Running a script: by its hash, and by its text when the server doesn't know the hash (yet, or after a restart).

import { createHash } from 'node:crypto'
import type { RedisConnection, Reply, Script } from './connection.ts'
import { luaKeys } from './keys.ts'

export function script(name: string, body: string): Script {
  const text = `${luaKeys}\n${body}`
  return { name, text, hash: createHash('sha1').update(text).digest('hex') }
}

/** Lua: `local <table> = {first = ARGV[1], …}`. */
export const luaNamed = (table: string, names: readonly string[]): string =>
  `local ${table} = {${names.map((name, i) => `${name} = ARGV[${i + 1}]`).join(', ')}}`

/** Whether the error is the script's own. That it comes before any write is the script's part. */
export const scriptFailed = (error: unknown): boolean =>
  error instanceof Error && /\buser_script\b|Error running script/.test(error.message)

export async function runScript(
  connection: RedisConnection,
  { hash, text }: Script,
  keys: string[],
  args: string[],
): Promise<Reply> {
  try {
    return await connection.evalsha(hash, keys, args)
  } catch (error) {
    if (!(error instanceof Error) || !error.message.includes('NOSCRIPT')) throw error
    return await connection.eval(text, keys, args)
  }
}

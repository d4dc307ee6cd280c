// The calls to Redis that we use, and nothing of the client that makes them.

export type Reply = string | number | null | Reply[]

/** A Lua script with a name; its hash is computed once. Its first lines name its keys and arguments. */
export type Script = { name: string; text: string; hash: string }

export interface RedisConnection {
  evalsha(hash: string, keys: string[], args: string[]): Promise<Reply>
  eval(text: string, keys: string[], args: string[]): Promise<Reply>
  ping(): Promise<void>
  close(): Promise<void>
}

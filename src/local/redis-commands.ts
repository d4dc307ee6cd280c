// Runs commands as a bridge gets them on a connection that many requests share. Replies are Redis's own: Buffers,
// integers, null and arrays of them; an Error is what Redis answered.

import { Command, type Redis, ReplyError } from 'ioredis'

/** What Redis refused as a whole. */
export class Refused extends Error {}

/** Commands that change the connection for everybody on it, block it, or are the operator's own. */
const unavailable = new Set(
  `AUTH BGREWRITEAOF BGSAVE BLMOVE BLMPOP BLPOP BRPOP BRPOPLPUSH BZMPOP BZPOPMAX BZPOPMIN CLIENT CLUSTER CONFIG DEBUG
   DISCARD EXEC FAILOVER HELLO MIGRATE MODULE MONITOR MULTI PSUBSCRIBE PSYNC PUNSUBSCRIBE QUIT REPLCONF REPLICAOF RESET
   SAVE SELECT SHUTDOWN SLAVEOF SSUBSCRIBE SUBSCRIBE SUNSUBSCRIBE SWAPDB SYNC UNSUBSCRIBE UNWATCH WAIT WAITAOF WATCH`.split(
    /\s+/,
  ),
)

function refusalOf([name = '', ...args]: string[]): Error | null {
  const upper = name.toUpperCase()
  const blocks = upper.startsWith('XREAD') && args.some((arg) => arg.toUpperCase() === 'BLOCK')
  return blocks || unavailable.has(upper) ? new Error(`ERR Command is not available: '${upper}'`) : null
}

// Upper-case names, or ioredis would reshape the replies of some commands.
const commandOf = ([name = '', ...args]: string[]) =>
  new Command(name.toUpperCase(), args, { replyEncoding: null })

export async function runOne(client: Redis, command: string[]): Promise<unknown> {
  const refusal = refusalOf(command)
  if (refusal !== null) return refusal
  try {
    return await client.sendCommand(commandOf(command))
  } catch (error) {
    return answered(error)
  }
}

/** One after the other, in one write; not as one operation. */
export const runEach = (client: Redis, commands: string[][]): Promise<unknown[]> =>
  Promise.all(commands.map((command) => runOne(client, command)))

/** All as one operation. An error that Redis finds on running a command stands in that command's place. */
export async function runAtomically(client: Redis, commands: string[][]): Promise<unknown[]> {
  if (commands.some((command) => refusalOf(command) !== null)) {
    throw new Refused('EXECABORT Transaction discarded because of previous errors.')
  }
  const transaction = client.multi()
  for (const [name = '', ...args] of commands) transaction.callBuffer(name.toUpperCase(), ...args)
  try {
    const replies = (await transaction.exec()) ?? []
    return replies.map(([error, reply]) => error ?? reply)
  } catch (error) {
    throw new Refused((answered(error) as Error).message)
  }
}

/** An answer of Redis is one; that there was none is an exception. */
function answered(error: unknown): unknown {
  if (error instanceof ReplyError) return error
  throw error
}

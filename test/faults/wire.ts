// The wire between the app and a store, on loopback: it can be cut, fall silent, or lose what comes back. It can take aim,
// too: wait for a certain request and strike right before or after it goes through.

import { createConnection, createServer, type Server, type Socket } from 'node:net'

export type Aim = {
  /** found in what the app sends, in clear text */
  text: string
  /** before: the request goes on only when `strike` is through. after: at once, and then `strike` */
  when: 'before' | 'after'
  strike: (connection: Connection) => Promise<void>
}

export class Connection {
  readonly #app: Socket
  readonly #store: Socket
  losesReplies = false

  constructor(app: Socket, store: Socket) {
    this.#app = app
    this.#store = store
  }

  cut(): void {
    this.#app.resetAndDestroy()
    this.#store.resetAndDestroy()
  }

  hold(): void {
    this.#app.pause()
    this.#store.pause()
  }

  letGo(): void {
    this.#app.resume()
    this.#store.resume()
  }
}

export class Wire {
  readonly #target: number
  readonly #connections = new Set<Connection>()
  #server: Server | null = null
  #aim: { aim: Aim; bytes: Buffer; struck: boolean } | null = null
  #held = false

  /** `target`: the store's port */
  constructor(target: number) {
    this.#target = target
  }

  listen(): Promise<number> {
    const server = createServer({ noDelay: true }, (app) => this.#connect(app))
    this.#server = server
    return new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port))
    })
  }

  #connect(app: Socket): void {
    const store = createConnection({ port: this.#target, host: '127.0.0.1', noDelay: true })
    const connection = new Connection(app, store)
    this.#connections.add(connection)
    if (this.#held) connection.hold()
    app.on('data', (chunk) => void this.#forward(connection, chunk, app, store))
    store.on('data', (chunk) => {
      if (connection.losesReplies || app.destroyed) return
      if (!app.write(chunk)) {
        store.pause()
        app.once('drain', () => store.resume())
      }
    })
    for (const [from, to] of [
      [app, store],
      [store, app],
    ] as const) {
      from.on('error', () => {})
      from.on('end', () => to.end())
      from.on('close', () => {
        this.#connections.delete(connection)
        to.destroy()
      })
    }
  }

  async #forward(connection: Connection, chunk: Buffer, app: Socket, store: Socket): Promise<void> {
    const aimed = this.#aim
    if (aimed === null || !chunk.includes(aimed.bytes)) {
      store.write(chunk)
      return
    }
    this.#aim = null
    aimed.struck = true
    if (aimed.aim.when === 'after') {
      store.write(chunk)
      await aimed.aim.strike(connection)
      return
    }
    // What follows on this connection must not overtake.
    app.pause()
    await aimed.aim.strike(connection)
    if (!store.destroyed) store.write(chunk)
    if (!this.#held) app.resume()
  }

  /** The newest aim counts. What is returned withdraws it, and tells whether it has not struck. */
  takeAim(aim: Aim): () => boolean {
    const taken = { aim, bytes: Buffer.from(aim.text), struck: false }
    this.#aim = taken
    return () => {
      if (this.#aim === taken) this.#aim = null
      return !taken.struck
    }
  }

  cutAll(): void {
    for (const connection of this.#connections) connection.cut()
  }

  /** What is sent goes through, what is answered does not. */
  loseReplies(): void {
    for (const connection of this.#connections) connection.losesReplies = true
  }

  hold(): void {
    this.#held = true
    for (const connection of this.#connections) connection.hold()
  }

  letGo(): void {
    this.#held = false
    for (const connection of this.#connections) connection.letGo()
  }

  close(): void {
    this.cutAll()
    this.#server?.close()
  }
}

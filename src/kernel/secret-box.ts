// What only the holder of a secret can read again, or make again. The secret itself is stored nowhere.

import { derivedBytes } from './digest.ts'

const IV_BYTES = 12
const KEY_BYTES = 32

export class SecretBox {
  readonly #secret: string
  readonly #salt: string
  #filled = 0

  /** `salt`: no secret, but another one for each box. */
  constructor(secret: string, salt: string) {
    this.#secret = secret
    this.#salt = salt
  }

  /** Fills the array with bytes that look random, and come again in the same order from a box of the same secret and salt. */
  readonly fillRandom = (bytes: Uint8Array<ArrayBuffer>): void =>
    bytes.set(derivedBytes(this.#secret, this.#salt, `random ${this.#filled++}`, bytes.length))

  /** AES-256-GCM, as base64 of the initialisation vector and what was made of the text. */
  async seal(text: string): Promise<string> {
    const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES))
    const sealed = await crypto.subtle.encrypt(
      { name: 'AES-GCM', iv },
      await this.#key('encrypt'),
      new TextEncoder().encode(text),
    )
    return Buffer.concat([iv, new Uint8Array(sealed)]).toString('base64')
  }

  /** Throws for what was sealed with another secret or salt, or changed since. */
  async unseal(sealed: string): Promise<string> {
    const bytes = Uint8Array.from(Buffer.from(sealed, 'base64'))
    const opened = await crypto.subtle.decrypt(
      { name: 'AES-GCM', iv: bytes.subarray(0, IV_BYTES) },
      await this.#key('decrypt'),
      bytes.subarray(IV_BYTES),
    )
    return new TextDecoder().decode(opened)
  }

  #key(usage: 'encrypt' | 'decrypt'): Promise<CryptoKey> {
    const key = derivedBytes(this.#secret, this.#salt, 'seal', KEY_BYTES)
    return crypto.subtle.importKey('raw', key, 'AES-GCM', false, [usage])
  }
}

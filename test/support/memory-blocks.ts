// A store of blocks outside of Postgres, as a folder or a bucket is, in memory: what is put back with Postgres is not in it.

import type { BlockStore, BlockStoreKind, NewBlock, StoredBlock } from '../../src/log/block-store.ts'
import { checkAfter, checkBlocks, checkContent, checkName } from '../../src/stores/blocks/block-name.ts'

export class MemoryBlockStore implements BlockStore {
  readonly kind: BlockStoreKind = 'folder'
  readonly #blocks = new Map<string, StoredBlock & { createdMs: number }>()

  async put(blocks: NewBlock[]): Promise<void> {
    checkBlocks(blocks)
    for (const { name, content } of blocks) if (!this.#blocks.has(name)) this.#blocks.set(name, made(content))
  }

  async get(names: string[]): Promise<(StoredBlock | null)[]> {
    return names.map((name) => {
      const found = this.#blocks.get(checkName(name))
      return found ? { content: found.content.slice(), version: found.version } : null
    })
  }

  async replace(name: string, version: string, content: Uint8Array): Promise<boolean> {
    checkContent(content)
    if (this.#blocks.get(checkName(name))?.version !== version) return false
    this.#blocks.set(name, made(content))
    return true
  }

  async remove(names: string[]): Promise<void> {
    for (const name of names) this.#blocks.delete(checkName(name))
  }

  async list(after: string, limit: number): Promise<{ name: string; createdMs: number }[]> {
    const from = checkAfter(after)
    const names = [...this.#blocks.keys()].filter((name) => name > from).sort((a, b) => (a < b ? -1 : 1))
    return names.slice(0, limit).map((name) => ({ name, createdMs: this.#blocks.get(name)!.createdMs }))
  }
}

const made = (content: Uint8Array) => ({
  content: content.slice(),
  version: crypto.randomUUID(),
  createdMs: Date.now(),
})

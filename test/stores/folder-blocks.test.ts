import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openFolderBlocks } from '../../src/stores/blocks/folder.ts'
import { DRAFT_KEPT_MS } from '../../src/stores/blocks/limits.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const SEGMENT = '1796412345678-123-abcdef01-1'
const NAME = `${SEGMENT}/tenant/0-digest`

describe('blocks in a folder', () => {
  let root: string
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'tollgate-blocks-'))
  })
  afterEach(() => rm(root, { recursive: true, force: true }))

  const tenant = () => join(root, '179641', SEGMENT, 'tenant')
  const text = async (name = NAME) => {
    const [block] = await (await openFolderBlocks(root)).get([name])
    return block === null ? null : new TextDecoder().decode(block!.content)
  }
  const made = async (content = 'content') => {
    const store = await openFolderBlocks(root)
    await store.put([{ name: NAME, content: bytes(content) }])
    return store
  }

  it('are files, of segments of a few hours in one folder', async () => {
    await made()
    expect(await readdir(tenant())).toEqual(['0-digest'])
    expect((await readdir(root)).sort()).toEqual(['179641', '~drafts'])
    expect(await readdir(join(root, '~drafts'))).toEqual([])
  })

  const sizes = async () =>
    Object.fromEntries(
      await Promise.all(
        (await readdir(tenant())).map(async (file) => [file, (await stat(join(tenant(), file))).size]),
      ),
    )

  it('leave nothing of what was replaced, and no empty folder', async () => {
    const store = await made('to be erased')
    for (const content of ['one', 'three']) {
      const [seen] = await store.get([NAME])
      expect(await store.replace(NAME, seen!.version, bytes(content))).toBe(true)
    }
    expect(await sizes()).toEqual({ '0-digest': 0, '0-digest~1': 0, '0-digest~2': 5 })
    await store.put([{ name: NAME, content: bytes('to be erased') }])
    expect(await sizes()).toEqual({ '0-digest': 0, '0-digest~1': 0, '0-digest~2': 5 })
    await store.remove([NAME])
    expect(await readdir(root)).toEqual(['~drafts'])
  })

  it('of a process that ended while it replaced them are the new ones, and the old are emptied', async () => {
    await made('old')
    await writeFile(join(tenant(), '0-digest~1'), 'new')
    const store = await openFolderBlocks(root)
    expect((await store.list('', 10)).map(({ name }) => name)).toEqual([NAME])
    expect(await text()).toBe('new')
    expect(await sizes()).toEqual({ '0-digest': 0, '0-digest~1': 3 })
    await store.remove([NAME])
    expect(await text()).toBeNull()
  })

  it('that were removed while an old one was left do not come back', async () => {
    const store = await made('old')
    await writeFile(join(tenant(), '0-digest~1'), 'new')
    await store.remove([NAME])
    expect(await text()).toBeNull()
    expect(await readdir(root)).toEqual(['~drafts'])
  })

  it('are not confused by drafts of a process that ended, which go after a while', async () => {
    await made()
    const drafts = join(root, '~drafts')
    await writeFile(join(drafts, 'old'), 'half of a')
    await writeFile(join(drafts, 'young'), 'half of a')
    const then = (Date.now() - DRAFT_KEPT_MS - 60_000) / 1_000
    await utimes(join(drafts, 'old'), then, then)
    // What another process is about to empty a replaced block with.
    await writeFile(join(drafts, 'empty'), '')
    await utimes(join(drafts, 'empty'), 0, 0)
    await openFolderBlocks(root)
    expect((await readdir(drafts)).sort()).toEqual(['empty', 'young'])
  })

  it('are listed without what others put there', async () => {
    const store = await made()
    await writeFile(join(root, 'notes.txt'), 'x')
    await writeFile(join(tenant(), 'half~'), 'x')
    await writeFile(join(tenant(), 'é'), 'x')
    await mkdir(join(tenant(), 'folder'))
    await mkdir(join(root, '179641', `${SEGMENT}-empty`))
    expect((await store.list('', 10)).map(({ name }) => name)).toEqual([NAME])
  })

  it('are out of reach, never missing, where the folder went away', async () => {
    const store = await made()
    await rename(root, `${root}-away`)
    const again = { code: 'store_unavailable' }
    await expect(store.get([NAME])).rejects.toMatchObject(again)
    await expect(store.list('', 1)).rejects.toMatchObject(again)
    await expect(store.remove([NAME])).rejects.toMatchObject(again)
    await expect(store.put([{ name: NAME, content: bytes('x') }])).rejects.toMatchObject(again)
    // As where a volume is not mounted.
    await mkdir(root)
    await expect(store.get([NAME])).rejects.toMatchObject(again)
    await rm(root, { recursive: true })
    await rename(`${root}-away`, root)
    expect(await text()).toBe('content')
  })

  it('are made, though others remove the last one beside them all the time', async () => {
    const [store, other] = [await openFolderBlocks(root), await openFolderBlocks(root)]
    for (let round = 0; round < 30; round++) {
      const neighbour = `${SEGMENT}/tenant/1-${round}`
      await store.put([{ name: neighbour, content: bytes('x') }])
      const name = `${SEGMENT}/tenant/0-${round}`
      await Promise.all([store.put([{ name, content: bytes('x') }]), other.remove([neighbour])])
      expect((await store.get([name, neighbour])).map((block) => block !== null)).toEqual([true, false])
      await store.remove([name])
    }
  })

  it('that several processes replace are replaced by one each time', async () => {
    await made('0')
    const until = 40
    const code = `
      import { openFolderBlocks } from ${JSON.stringify(new URL('../../src/stores/blocks/folder.ts', import.meta.url).href)}
      const store = await openFolderBlocks(${JSON.stringify(root)})
      let won = 0
      for (;;) {
        const [seen] = await store.get([${JSON.stringify(NAME)}])
        const count = Number(new TextDecoder().decode(seen.content))
        if (count >= ${until}) break
        if (await store.replace(${JSON.stringify(NAME)}, seen.version, new TextEncoder().encode(String(count + 1)))) won++
      }
      console.log(won)`
    const counts = await Promise.all(
      [1, 2, 3].map(async () => {
        const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
          stdio: ['ignore', 'pipe', 'inherit'],
        })
        let output = ''
        child.stdout.on('data', (chunk) => {
          output += chunk
        })
        const [exit] = await once(child, 'close')
        expect(exit).toBe(0)
        return Number(output)
      }),
    )
    expect(counts.reduce((sum, won) => sum + won)).toBe(until)
    expect(await text()).toBe(String(until))
  })
})

import { access, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { composeNode } from '../../src/compose-node.ts'
import { composeWorker } from '../../src/compose-worker.ts'
import { readConfig } from '../../src/config.ts'

const s3 = {
  EVENT_LOG: 's3',
  S3_ENDPOINT: 'https://s3.eu-central-1.amazonaws.com',
  S3_BUCKET: 'tollgate-log',
  S3_ACCESS_KEY_ID: 'AKIDEXAMPLE',
  S3_SECRET_ACCESS_KEY: 'secret/hunter2',
}

const messageOf = (work: () => unknown): string => {
  try {
    work()
  } catch (error) {
    return (error as Error).message
  }
  throw new Error('It should have been refused')
}

describe('where the event log is', () => {
  it('is Postgres, for ever, if nothing is said', () => {
    expect(readConfig({})).toMatchObject({ EVENT_LOG: 'postgres', EVENT_LOG_DAYS: 0 })
    expect(readConfig({ EVENT_LOG: '', S3_REGION: '' })).toMatchObject({
      EVENT_LOG: 'postgres',
      S3_REGION: 'us-east-1',
    })
    expect(readConfig({ ...s3, EVENT_LOG_DAYS: '400' })).toMatchObject({ ...s3, EVENT_LOG_DAYS: 400 })
  })

  it.each([
    ['EVENT_LOG', { EVENT_LOG: 'disk' }],
    ['EVENT_LOG_DAYS', { EVENT_LOG_DAYS: '1.5' }],
    ['EVENT_LOG_DAYS', { EVENT_LOG_DAYS: '-1' }],
    ['S3_ENDPOINT', { ...s3, S3_ENDPOINT: '' }],
    ['S3_ENDPOINT', { ...s3, S3_ENDPOINT: 's3://bucket' }],
    ['S3_ENDPOINT', { ...s3, S3_ENDPOINT: 'https://id:hunter2@s3.example' }],
    ['S3_ENDPOINT', { ...s3, S3_ENDPOINT: 'https://s3.example/?token=hunter2' }],
    ['S3_BUCKET', { ...s3, S3_BUCKET: '' }],
    ['S3_BUCKET', { ...s3, S3_BUCKET: 'a/b' }],
    ['S3_REGION', { ...s3, S3_REGION: 'eu central' }],
    ['S3_ACCESS_KEY_ID', { ...s3, S3_ACCESS_KEY_ID: '' }],
    ['S3_SECRET_ACCESS_KEY', { ...s3, S3_SECRET_ACCESS_KEY: '' }],
  ])('is refused by the name %s, and no secret, for %j', (name, env) => {
    const message = messageOf(() => readConfig(env))
    expect(message).toContain(`\n  ${name} `)
    expect(message.split('\n')).toHaveLength(2)
    expect(message).not.toContain('hunter2')
  })

  describe('in a Worker', () => {
    const env = {
      UPSTASH_REDIS_REST_URL: 'https://redis.example',
      UPSTASH_REDIS_REST_TOKEN: 'token',
      DATABASE_URL: 'postgres://user:password@postgres.example/db',
    }
    const nothing = () => {}
    const bucket = {
      ...{ get: nothing, put: nothing, delete: nothing, list: nothing, createMultipartUpload: nothing },
    }

    it.each([
      ['postgres', {}],
      ['r2', { EVENT_LOG: 'r2', LOG_BUCKET: bucket }],
      ['s3', s3],
    ])('may be %s', (kind, more) => {
      expect(composeWorker({ ...env, ...more }).services.blocks?.kind).toBe(kind)
    })

    it('may be nowhere', () => {
      expect(composeWorker({ ...env, EVENT_LOG: 'off' }).services.blocks).toBeNull()
    })

    it.each([
      ['a folder', { EVENT_LOG: 'folder' }],
      ['a bucket that is not bound', { EVENT_LOG: 'r2' }],
      ['a bucket that is none', { EVENT_LOG: 'r2', LOG_BUCKET: 'tollgate-log' }],
    ])('can’t be %s', (_, more) => {
      expect(messageOf(() => composeWorker({ ...env, ...more }))).toMatch(/^.+:\n {2}EVENT_LOG /)
    })
  })

  describe('on Node', () => {
    let DATA_DIR: string
    beforeEach(async () => {
      DATA_DIR = await mkdtemp(join(tmpdir(), 'tollgate-log-'))
    })
    afterEach(() => rm(DATA_DIR, { recursive: true, force: true }))

    it.each([
      ['postgres', {}],
      ['folder', { EVENT_LOG: 'folder' }],
      ['s3', s3],
    ])('may be %s', async (kind, env) => {
      const lines: string[] = []
      const { services, close } = await composeNode({ ...env, DATA_DIR }, (line) => lines.push(line))
      try {
        expect(services.blocks?.kind).toBe(kind)
        expect(lines.join('\n')).not.toMatch(/hunter2|AKIDEXAMPLE/)
        if (kind === 'folder') await access(join(DATA_DIR, 'log'))
      } finally {
        await close()
      }
    })

    it('can’t be a bucket that is bound to a Worker, and nothing is opened for it', async () => {
      await expect(composeNode({ DATA_DIR, EVENT_LOG: 'r2' }, () => {})).rejects.toThrow(/\n {2}EVENT_LOG /)
      await expect(access(join(DATA_DIR, 'postgres'))).rejects.toThrow()
    })
  })
})

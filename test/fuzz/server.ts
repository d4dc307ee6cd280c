// A server for a run outside of vitest: started by the same setup as the suites' own.

import type { TestProject } from 'vitest/node'
import setupNode from '../http/setup-node.ts'
import setupWorkerd from '../http/setup-workerd.ts'
import type { Target } from './world.ts'

export const platforms = { node: setupNode, workerd: setupWorkerd }
export type Platform = keyof typeof platforms

export async function startServer(platform: Platform): Promise<Target & { close(): Promise<void> }> {
  let server: Target | undefined
  const project = {
    name: platform === 'node' ? 'fuzz on Node' : 'fuzz on workerd',
    provide: (_name: string, value: Target) => {
      server = value
    },
  }
  const close = await platforms[platform](project as unknown as TestProject)
  if (!server) throw new Error(`The setup for ${platform} has told no address`)
  return { ...server, close }
}

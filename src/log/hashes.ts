// What stands for texts in the index: short numbers, which other texts may share. Who finds a block by one looks into it.

import { hash32, hash64 } from '../kernel/digest.ts'

export const customerHash = (tenantId: string, customerId: string): string =>
  hash64(`${tenantId} ${customerId}`)

export const idHash = (tenantId: string, id: string): number => hash32(`${tenantId} ${id}`)

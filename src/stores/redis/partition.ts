/** Which partition a tenant's counters live in: FNV-1a of its id. Must never change, or counters would be looked for elsewhere. */
export function partitionOf(tenantId: string, partitions: number): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < tenantId.length; i++) hash = Math.imul(hash ^ tenantId.charCodeAt(i), 0x01000193)
  return (hash >>> 0) % partitions
}

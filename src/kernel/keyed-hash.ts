/** FNV-1a of a text, 32 bits: what divides tenants and customers over partitions. Must never change. */
export function keyedHash(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0
}

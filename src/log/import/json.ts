// JSON as an import may hold it.

/** Never throws: a line that is no JSON holds up no other. */
export function parsedJson(text: string): { json: unknown } | { wrong: string } {
  try {
    const json: unknown = JSON.parse(text)
    const mayNameProto = text.includes('__proto__') || text.includes('\\u')
    return mayNameProto && namesProto(json) ? { wrong: 'must not have the name "__proto__"' } : { json }
  } catch (error) {
    return { wrong: `is not JSON: ${(error as Error).message.slice(0, 200)}` }
  }
}

/** JavaScript objects would lose what has this name, silently. A stack, not recursion: a line may be deep. */
function namesProto(json: unknown): boolean {
  const values = [json]
  while (values.length > 0) {
    const value = values.pop()
    if (typeof value !== 'object' || value === null) continue
    if (Object.hasOwn(value, '__proto__')) return true
    for (const inner of Object.values(value)) values.push(inner)
  }
  return false
}

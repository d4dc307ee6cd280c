/** A new random id (UUID v4). */
export const newId = (): string => crypto.randomUUID()

export const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

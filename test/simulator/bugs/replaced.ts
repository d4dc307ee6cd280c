/** The store with some methods replaced. */
export function replaced<Store extends object>(real: Store, methods: Partial<Store>): Store {
  return new Proxy(real, {
    get(target, name) {
      const member =
        (methods as Record<PropertyKey, unknown>)[name] ?? (target as Record<PropertyKey, unknown>)[name]
      return typeof member === 'function' && !(name in methods) ? member.bind(target) : member
    },
  })
}

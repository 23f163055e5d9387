/** What is read once and kept in a bounded map: when that is full it begins anew. */
export function remembered<K, V>(known: Map<K, V>, most: number, key: K, read: () => V): V {
  const found = known.get(key)
  if (found !== undefined) return found
  if (known.size >= most) known.clear()
  const value = read()
  known.set(key, value)
  return value
}

/** The name that takes the fewest letters inserted, dropped or replaced (Levenshtein) to get from `name`. */
export function nearestName<T extends string>(name: string, names: readonly T[]): T | undefined {
  return names.toSorted((a, b) => distance(name, a) - distance(name, b))[0]
}

function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (const [index, letter] of Array.from(from.toLowerCase()).entries()) {
    const next = [index + 1]
    for (const [column, other] of Array.from(to.toLowerCase()).entries()) {
      const replaced = (row[column] ?? 0) + (letter === other ? 0 : 1)
      next.push(Math.min(replaced, (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1))
    }
    row = next
  }
  return row.at(-1) ?? 0
}

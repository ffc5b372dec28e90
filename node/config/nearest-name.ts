/**
 * The name that was probably meant: the same but for case, dashes and underscores, at most a third of its letters
 * away (Levenshtein), or the only one that holds it as a part. Undefined where none comes close.
 */
export function nearestName<T extends string>(name: string, names: readonly T[]): T | undefined {
  const said = plain(name)
  if (said === '') return undefined
  const same = names.find((other) => plain(other) === said)
  if (same !== undefined) return same
  const [closest] = names.toSorted((a, b) => distance(said, plain(a)) - distance(said, plain(b)))
  if (closest !== undefined && distance(said, plain(closest)) <= Math.max(1, Math.floor(said.length / 3)))
    return closest
  const parts = said.length < 3 ? [] : names.filter((other) => plain(other).includes(said))
  return parts.length === 1 ? parts[0] : undefined
}

/** `LOBSTAH_GATEWAY_PORT`, `gateway-port` and `gatewayPort` are one name. */
function plain(name: string): string {
  return name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]/g, '')
    .replace(/^lobstah/, '')
}

function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (const [index, letter] of Array.from(from).entries()) {
    const next = [index + 1]
    for (const [column, other] of Array.from(to).entries()) {
      const replaced = (row[column] ?? 0) + (letter === other ? 0 : 1)
      next.push(Math.min(replaced, (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1))
    }
    row = next
  }
  return row.at(-1) ?? 0
}

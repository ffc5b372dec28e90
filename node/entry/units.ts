const DURATIONS: readonly [ms: number, unit: string][] = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1000, 's']
]

/** A duration with its two largest units: `3 h 12 min`. */
export function duration(ms: number): string {
  const at = DURATIONS.findIndex(([size]) => ms >= size)
  if (at === -1) return '0 s'
  let rest = ms
  const parts = DURATIONS.slice(at, at + 2).map(([size, unit]) => {
    const count = Math.floor(rest / size)
    rest -= count * size
    return count === 0 ? '' : `${count} ${unit}`
  })
  return parts.filter((part) => part !== '').join(' ')
}

const SIZES = ['B', 'KiB', 'MiB', 'GiB', 'TiB']

/** A number of bytes with a binary unit: `1.5 GiB`. */
export function bytes(count: number): string {
  let [value, at] = [count, 0]
  while (value >= 1024 && at < SIZES.length - 1) {
    value /= 1024
    at++
  }
  return `${at === 0 ? value : value.toFixed(1)} ${SIZES[at]}`
}

/** The result of an attack, against the bound that SECURITY.md promises. Figures carry their unit. */
export interface AttackRow {
  /** The promise of SECURITY.md, in a few words. */
  promise: string
  /** The attacker's method. */
  attack: string
  reached: string
  bound: string
}

const rows: AttackRow[] = []

/** Adds a row to the table that `npm run test:attacks` prints when all attacks have run. */
export function reportAttack(row: AttackRow): void {
  rows.push(row)
}

/** Root hooks of mocha: print the table last. */
export const mochaHooks = {
  afterAll(): void {
    const columns = ['promise', 'attack', 'reached', 'bound'] as const
    const width = (column: (typeof columns)[number]): number =>
      Math.max(column.length, ...rows.map((row) => row[column].length))
    const line = (cell: (column: (typeof columns)[number]) => string): string =>
      `| ${columns.map((column) => cell(column).padEnd(width(column))).join(' | ')} |`
    const table = [
      line((column) => column),
      line((column) => '-'.repeat(width(column))),
      ...rows.map((row) => line((column) => row[column]))
    ]
    if (rows.length > 0) process.stdout.write(`\n${table.join('\n')}\n`)
  }
}

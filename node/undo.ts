/**
 * Undoes steps, the last first. One that fails keeps none of the others from being undone; the first failure is
 * thrown at the end.
 */
export async function undoAll(steps: readonly (() => unknown)[]): Promise<void> {
  const failures: unknown[] = []
  for (const step of steps.toReversed()) {
    try {
      await step()
    } catch (err) {
      failures.push(err)
    }
  }
  if (failures.length > 0) throw failures[0]
}

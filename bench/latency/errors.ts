/** The benchmark cannot go on: a process did not start, or a flag makes no sense. */
export class BenchmarkError extends Error {
  static override readonly name = 'BenchmarkError'
  override readonly name = 'BenchmarkError'
}

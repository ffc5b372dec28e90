/** The finding of one check. */
export interface Finding {
  check: string
  /** `skip`: there is nothing to look at. */
  status: 'ok' | 'warn' | 'fail' | 'skip'
  detail: string
  /** Advice, if anything needs to be done. */
  remedy?: string
}

export function ok(check: string, detail: string): Finding {
  return { check, status: 'ok', detail }
}

export function skip(check: string, detail: string): Finding {
  return { check, status: 'skip', detail }
}

export function warn(check: string, detail: string, remedy: string): Finding {
  return { check, status: 'warn', detail, remedy }
}

export function fail(check: string, detail: string, remedy: string): Finding {
  return { check, status: 'fail', detail, remedy }
}

/** An error's message, for a person. */
export function because(err: unknown): string {
  return err instanceof Error ? err.message : String(err)
}

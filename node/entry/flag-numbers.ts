import { InvalidArgumentError } from 'commander'

/** Parses a flag's whole number above 0. */
export function positive(text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value > 0) return value
  throw new InvalidArgumentError('expected a whole number above 0')
}

/** Parses a flag's whole number. */
export function whole(text: string): number {
  const value = Number(text)
  if (text.trim() !== '' && Number.isSafeInteger(value)) return value
  throw new InvalidArgumentError('expected a whole number')
}

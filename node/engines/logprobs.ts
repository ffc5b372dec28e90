import { MAX_TOKEN_BYTES, type Logprob } from '../../protocols/inference/index.ts'

/** One token's probability as servers tell it. */
interface ToldLogprob {
  token: string
  logprob: number
  bytes?: number[] | null | undefined
}

/** A probability, with its likeliest alternatives where there are any. */
export function toLogprob({
  top,
  ...own
}: ToldLogprob & { top?: ToldLogprob[] | null | undefined }): Logprob {
  return { ...toToken(own), ...(top ? { top: top.map(toToken) } : {}) }
}

/** The bytes go along only where the text does not say them: a token may be a part of a character. */
function toToken({ token, logprob, bytes }: ToldLogprob): Omit<Logprob, 'top'> {
  const told = bytes != null && bytes.length > 0 && bytes.length <= MAX_TOKEN_BYTES
  return told && !Buffer.from(token).equals(Buffer.from(bytes))
    ? { token, logprob, bytes }
    : { token, logprob }
}

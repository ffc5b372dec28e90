declare module 'xsalsa20' {
  /** A stream cipher in the midst of its stream; to encrypt is to decrypt. */
  export interface XSalsa20 {
    update(input: Uint8Array): Uint8Array
  }
  export default function xsalsa20(nonce: Uint8Array, key: Uint8Array): XSalsa20
}

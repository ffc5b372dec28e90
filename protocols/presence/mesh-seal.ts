import { hkdfSync } from 'node:crypto'
import { decrypt, encrypt } from 'nostr-tools/nip44'
import { PUBLIC_MESH } from './constants.ts'

const TAG_INFO = 'lobstah/presence/1 tag'
const KEY_INFO = 'lobstah/presence/1 key'

/** The tag of the mesh with this pre-shared key, or of public meshes. It reveals nothing of the key. */
export function meshTag(key: Uint8Array | undefined): string {
  return key === undefined ? PUBLIC_MESH : derived(key, TAG_INFO, 16).toString('hex')
}

/** Encrypts a text for the members of a mesh: NIP-44, version 2. `nonce` is for test vectors. */
export function sealForMesh(text: string, key: Uint8Array, nonce?: Uint8Array): string {
  return encrypt(text, derived(key, KEY_INFO, 32), nonce)
}

/** Decrypts a text by the first of the keys that opens it; undefined where none does. */
export function unsealForMesh(sealed: string, keys: readonly Uint8Array[]): string | undefined {
  for (const key of keys) {
    try {
      return decrypt(sealed, derived(key, KEY_INFO, 32))
    } catch {
      // Sealed with another key, or not at all.
    }
  }
  return undefined
}

function derived(key: Uint8Array, info: string, length: number): Buffer {
  return Buffer.from(hkdfSync('sha256', key, new Uint8Array(), info, length))
}

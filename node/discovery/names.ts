import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import { sha256 } from 'multiformats/hashes/sha2'
import { canonicalModelName } from '../../protocols/index.ts'

async function cidOf(name: string): Promise<CID> {
  // kad-dht finds providers under SHA-256 CIDs only.
  return CID.createV1(raw.code, await sha256.digest(new TextEncoder().encode(name)))
}

/** The provider record under which those who serve a model are found. */
export function modelCid(model: string): Promise<CID> {
  return cidOf(`lobstah/model/${canonicalModelName(model)}`)
}

/** The provider record under which all contributors are found. */
export function contributorsCid(): Promise<CID> {
  return cidOf('lobstah/contributors')
}

import { readFileSync } from 'node:fs'
import { findPackageJSON } from 'node:module'
import { z } from 'zod'

/** Every package whose private parts a patch changes or reads; package.json pins each to one version. */
export const PATCHED_PACKAGES = [
  '@chainsafe/libp2p-noise',
  '@chainsafe/libp2p-yamux',
  '@libp2p/autonat-v2',
  '@libp2p/circuit-relay-v2',
  '@libp2p/kad-dht',
  '@libp2p/tcp',
  '@libp2p/websockets',
  'datastore-level',
  'libp2p'
] as const

export type PatchedPackage = (typeof PATCHED_PACKAGES)[number]

/** A patched package at a version other than the pinned one. */
export interface VersionMismatch {
  name: PatchedPackage
  pinned: string
  installed: string
}

const ownManifest = z.object({ dependencies: z.record(z.string(), z.string()) })
const manifest = z.object({ version: z.string() })

/** The version that this package's own package.json pins. */
export function pinnedVersion(name: PatchedPackage): string {
  const file = findPackageJSON(import.meta.url)
  return (file === undefined ? undefined : ownManifest.parse(read(file)).dependencies[name]) ?? 'unknown'
}

/** The version that is loaded. */
export function installedVersion(name: PatchedPackage): string {
  const file = findPackageJSON(name, import.meta.url)
  return file === undefined ? 'none' : manifest.parse(read(file)).version
}

/** The patched packages that are not at the version the patches were tested with. */
export function mismatches(
  installed: (name: PatchedPackage) => string = installedVersion
): VersionMismatch[] {
  return PATCHED_PACKAGES.map((name) => ({
    name,
    pinned: pinnedVersion(name),
    installed: installed(name)
  })).filter((versions) => versions.pinned !== versions.installed)
}

let warned = false

/**
 * Warns, once in a process, of patched packages at another version. It is a warning because a release that a security
 * fix forces may well work: a member that is gone stops the node by itself, with a PatchError.
 */
export function warnOfMismatches(): void {
  // The package carries the versions that it was built with.
  if (warned || !import.meta.url.endsWith('.ts')) return
  warned = true
  const found = mismatches()
  if (found.length === 0) return
  const list = found.map(({ name, pinned, installed }) => `${name} ${installed} instead of ${pinned}`)
  process.emitWarning(
    `Untested dependencies: ${list.join(', ')}. Install lobstah-node from its own tarball, which obeys its npm-shrinkwrap.json.`,
    { type: 'LobstahWarning', code: 'LOBSTAH_UNTESTED_DEPENDENCIES' }
  )
}

function read(file: string): unknown {
  return JSON.parse(readFileSync(file, 'utf8'))
}

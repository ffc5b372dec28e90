import { canonicalModelName } from '../../../protocols/inference/index.ts'

/** Where a path begins: at a root, a home, a drive, a share or a folder relative to the server. */
const ROOTED = /^(?:[/\\~]|\.{1,2}[/\\]|[a-z]:|file:)/i

/** Folders that no organization on a hub is called. */
const FOLDER =
  /^(?:models?|weights|checkpoints?|ckpts?|data|ggufs?|llms?|snapshots|\.?cache|mnt|home|srv|opt|tmp)$/i

/** A model in the cache of Hugging Face: `models--Qwen--Qwen3-8B/snapshots/<hash>/…`. */
const HUB_CACHE = /models--([^/]+?)--([^/]+)(?:\/(?:snapshots|blobs|refs)(?:\/[^/]+)?(\/.+)?)?$/i

/** Folders of a path that begins anywhere in a text, but those of a URL or of the server's API. */
const FOLDERS =
  /(?<![\w/.:\\-])(?!\/v1\/)(?:~|[a-z]:|\.{1,2})?(?:[\\/]+[^\\/\s"'`,;()]+)*[\\/]+(?=[^\\/\s])/gi

/** Whether a model's id tells where it lies on its server's disk. */
function isPath(id: string): boolean {
  if (ROOTED.test(id) || id.includes('\\') || HUB_CACHE.test(id)) return true
  const folders = id.split('/').slice(0, -1)
  // `Qwen/Qwen3-8B` is a name of a hub; a file in a folder is not, nor is what lies deeper.
  return (
    folders.length > 1 || (folders.length === 1 && (/\.gguf$/i.test(id) || FOLDER.test(folders[0] ?? '')))
  )
}

/** The name under which a model is offered: of a path, its last part alone. */
function nameOf(id: string): string {
  if (!isPath(id)) return id
  const path = id.replaceAll('\\', '/').replace(/\/+$/, '')
  const cached = HUB_CACHE.exec(path)
  const [, organization = '', repository = '', file = ''] = cached ?? []
  if (cached !== null && file === '') return `${organization}/${repository}`
  const base = (file === '' ? path : file).split('/').at(-1) ?? ''
  return base.replace(/^[a-z]:/i, '') || 'model'
}

/** Names for a server's models, and the ids that it knows them by. No two names are the same. */
export function namesOf(ids: Iterable<string>): Map<string, string> {
  const unique = new Set(ids)
  const named = new Map<string, string>()
  const taken = new Set<string>()
  // Names that are the id itself come first, so that a path never takes one from them; paths go by their order.
  const sorted = [...unique].sort((a, b) => Number(isPath(a)) - Number(isPath(b)) || (a < b ? -1 : 1))
  for (const id of sorted) {
    const name = nameOf(id)
    const [, stem = name, end = ''] = /^(.*?)(\.gguf)?$/i.exec(name) ?? []
    let free = name
    for (let number = 2; taken.has(canonicalModelName(free)); number++) free = `${stem}-${number}${end}`
    taken.add(canonicalModelName(free))
    named.set(id, free)
  }
  return new Map([...unique].map((id) => [named.get(id) ?? id, id]))
}

/** A server's words without the folders of its machine: `names` gives the ids to replace, and any path loses its own. */
export function withoutFolders(text: string, names: ReadonlyMap<string, string>): string {
  let cleaned = text
  for (const [name, id] of names) {
    if (!isPath(id)) continue
    // Quoted, a backslash is doubled.
    for (const form of [id, id.replaceAll('\\', '\\\\')]) cleaned = cleaned.replaceAll(form, () => name)
  }
  return cleaned.replace(FOLDERS, '')
}

/**
 * Packs the OpenClaw plugin by itself, as a tarball without dependencies that `openclaw plugins install` takes
 * offline: `node scripts/pack-plugin.ts [folder]`. Prints the tarball's path.
 */
import { execFileSync } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import ts from 'typescript'

const ROOT = join(import.meta.dirname, '..')
const SOURCE = join(ROOT, 'openclaw')

interface Manifest {
  version: string
  license: string
  openclaw: { extensions: string[] }
}

async function compile(target: string): Promise<void> {
  await mkdir(target)
  for (const name of await readdir(SOURCE)) {
    const source = await readFile(join(SOURCE, name), 'utf8')
    const { outputText } = ts.transpileModule(source, {
      fileName: name,
      compilerOptions: {
        target: ts.ScriptTarget.ES2024,
        module: ts.ModuleKind.ESNext,
        verbatimModuleSyntax: true,
        rewriteRelativeImportExtensions: true
      }
    })
    await writeFile(join(target, name.replace(/\.ts$/, '.js')), outputText)
  }
}

const { version, license, openclaw } = JSON.parse(
  await readFile(join(ROOT, 'package.json'), 'utf8')
) as Manifest
const folder = await mkdtemp(join(tmpdir(), 'lobstah-plugin-'))
try {
  await compile(join(folder, 'dist'))
  for (const file of ['openclaw.plugin.json', 'LICENSE']) await cp(join(ROOT, file), join(folder, file))
  await cp(join(ROOT, 'docs/openclaw.md'), join(folder, 'README.md'))
  const description = 'Lobstah grid for OpenClaw: a peer-to-peer grid of local models as a model provider.'
  const manifest = {
    name: 'lobstah-openclaw-plugin',
    version,
    description,
    license,
    type: 'module',
    files: ['dist', 'openclaw.plugin.json'],
    openclaw: { ...openclaw, extensions: ['./dist/index.js'] }
  }
  await writeFile(join(folder, 'package.json'), `${JSON.stringify(manifest, undefined, 2)}\n`)
  const target = resolve(process.argv[2] ?? '.')
  await mkdir(target, { recursive: true })
  const packed = execFileSync('npm', ['pack', '--json', '--pack-destination', target], {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    // Windows finds npm by its shell only.
    shell: process.platform === 'win32'
  })
  const [{ filename } = { filename: '' }] = JSON.parse(packed) as { filename: string }[]
  process.stdout.write(`${join(target, filename)}\n`)
} finally {
  await rm(folder, { recursive: true })
}

/**
 * Builds the package into `dist/`: `node scripts/build.ts`. All modules, ours and those of the dependencies, go into
 * a few minified files: a node that loads 1,700 modules one by one takes twice as long to start and 50 MB more.
 */
import { cp, readFile, rm } from 'node:fs/promises'
import { basename, join, relative } from 'node:path'
import { build, type Plugin } from 'esbuild'
import ts from 'typescript'
import { buildDashboard } from './build-dashboard.ts'
import { mismatches } from '../node/patches/index.ts'

const ROOT = join(import.meta.dirname, '..')
const CHUNKS = 'chunks'

/** Programs, threads and doors: each keeps its own path below `dist/`. */
const ENTRIES = [
  'node/entry/main.ts',
  'node/index.ts',
  'openclaw/index.ts',
  'node/engines/embedded/child.ts',
  'node/jobs/worker/worker.ts',
  'node/ledger/verify-worker.ts',
  'node/ledger/worker.ts',
  'node/tokens/count-worker.ts',
  'http-gateway/documents/child.ts',
  'http-gateway/documents/pdf-worker.ts'
]

/** Read at run time: where each lies, and the folder below `dist/` of the module that reads it. */
const ASSETS = {
  'node/engines/embedded/models': 'node/engines/embedded',
  'node_modules/pdfjs-dist/cmaps': 'http-gateway/documents'
}

/** Packages with binaries or large tables, and one that reads its own package.json; all are loaded when needed. */
const EXTERNAL = [
  '@chainsafe/libp2p-quic',
  '@libp2p/upnp-nat',
  'classic-level',
  'gpt-tokenizer',
  'node-llama-cpp',
  'unpdf'
]

/** The second argument of `new URL('./file', import.meta.url)`. */
const BASE = /(,\s*)import\.meta\.url(?=\s*\))/g

/** A bundled module finds its files below where it stood: `import.meta.url` in a chunk is the chunk's. */
const ownPlaces: Plugin = {
  name: 'own-places',
  setup(bundle) {
    bundle.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      const place = relative(ROOT, path).replaceAll('\\', '/')
      const source = await readFile(path, 'utf8')
      if (source.search(BASE) === -1) return undefined
      return {
        contents: source.replaceAll(BASE, `$1new URL('${place}', __dist)`),
        loader: 'ts'
      }
    })
  }
}

function declarations(): void {
  const { config } = ts.readConfigFile(join(ROOT, 'tsconfig.build.json'), (path) =>
    ts.sys.readFile(path)
  ) as {
    config: object
  }
  const { fileNames, options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT)
  const program = ts.createProgram(fileNames, options)
  const { diagnostics } = program.emit()
  const found = [...ts.getPreEmitDiagnostics(program), ...diagnostics]
  if (found.length > 0) throw new Error(ts.formatDiagnostics(found, ts.createCompilerHost(options)))
}

const untested = mismatches()
if (untested.length > 0)
  throw new Error(
    `Patched packages at another version than package.json pins: ${JSON.stringify(untested)}. Run npm ci.`
  )
await rm(join(ROOT, 'dist'), { recursive: true, force: true })
declarations()
await build({
  absWorkingDir: ROOT,
  entryPoints: ENTRIES,
  outbase: '.',
  outdir: 'dist',
  chunkNames: `${CHUNKS}/[name]-[hash]`,
  bundle: true,
  splitting: true,
  minify: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  external: EXTERNAL,
  plugins: [ownPlaces],
  inject: ['scripts/runtime.js'],
  // Dependencies in CommonJS require Node's own modules.
  banner: {
    js: "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);"
  },
  sourcemap: 'linked',
  sourcesContent: false,
  legalComments: 'linked',
  logLevel: 'warning'
})
await buildDashboard()
for (const [asset, folder] of Object.entries(ASSETS))
  await cp(join(ROOT, asset), join(ROOT, 'dist', folder, basename(asset)), { recursive: true })

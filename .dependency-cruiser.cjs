/**
 * The import rules of docs/architecture.md, whose table a test holds to this list: a folder imports only what stands
 * here, and packages. A path that ends in `.ts` is a single file; `node` is the files right in it.
 */
const LEAVES = [
  'engines',
  'discovery',
  'history',
  'ledger',
  'identity',
  'config',
  'membership',
  'reach',
  'relay',
  'rendezvous',
  'tokens',
  'tracker',
  'owner',
  'jobs'
]
const leaves = (...names) => names.map((name) => `node/${name}`)
const EXTRA = {
  // The settings take names of engines, defaults of a relay and a tracker, and hours from where they are kept.
  config: [
    'node/engines/descriptors.ts',
    'node/relay/defaults.ts',
    'node/tracker/constants.ts',
    'node/owner/hours.ts',
    'node/owner/zone.ts'
  ]
}
const LAYERS = {
  protocols: [],
  'node/addresses': [],
  'node/patches': ['protocols', 'node/addresses'],
  ...Object.fromEntries(
    LEAVES.map((name) => [
      `node/${name}`,
      ['protocols', 'node/addresses', 'node/patches', ...(EXTRA[name] ?? [])]
    ])
  ),
  'node/contributor': [
    'protocols',
    'node/addresses',
    ...leaves('engines', 'discovery', 'ledger', 'identity', 'config', 'membership', 'tokens')
  ],
  'node/consumer': [
    'protocols',
    'node/addresses',
    ...leaves('discovery', 'ledger', 'identity', 'config', 'reach', 'tokens')
  ],
  'node/metrics': ['protocols', 'node/consumer', 'node/contributor', 'node/discovery', 'node/ledger'],
  'http-gateway': ['protocols', 'node/consumer', 'node/history', 'node/ledger', 'node/jobs'],
  node: [
    'protocols',
    'node/addresses',
    'node/patches',
    ...leaves(...LEAVES),
    'node/contributor',
    'node/consumer',
    'node/metrics'
  ],
  'node/entry': [
    'protocols',
    'node',
    'node/addresses',
    'node/patches',
    ...leaves(...LEAVES),
    'node/contributor',
    'node/consumer',
    'node/metrics',
    'http-gateway'
  ],
  openclaw: []
}
const within = (path) => {
  if (path === 'node') return '^node/[^/]+\\.ts$'
  return path.endsWith('.ts') ? `^${path.replace('.ts', '\\.ts$')}` : `^${path}/`
}
const layer = ([folder, imports]) => ({
  name: `layer-${folder.replaceAll('/', '-')}`,
  severity: 'error',
  from: { path: within(folder) },
  to: {
    path: '^(node|protocols|http-gateway|openclaw|test|bench)/',
    pathNot: [folder, ...imports].map(within)
  }
})
/** A folder that no layer names imports nothing, so that it is given a layer. */
const unnamed = {
  name: 'every-folder-has-a-layer',
  severity: 'error',
  from: { path: '^(node|protocols|http-gateway|openclaw)/', pathNot: Object.keys(LAYERS).map(within) },
  to: {}
}
module.exports = {
  forbidden: [
    ...Object.entries(LAYERS).map(layer),
    unnamed,
    {
      name: 'nobody-imports-entry',
      severity: 'error',
      from: { pathNot: '^(node/entry/|test/)' },
      to: { path: '^node/entry/' }
    },
    {
      name: 'product-never-imports-tests',
      severity: 'error',
      from: { path: '^(node|protocols|http-gateway|openclaw)/' },
      to: { path: '^(test|bench)/' }
    },
    {
      name: 'no-circular',
      severity: 'error',
      from: { path: '^(node|protocols|http-gateway|openclaw)/' },
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } }
    }
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|coverage)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      extensions: ['.ts', '.js', '.json'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types']
    }
  }
}

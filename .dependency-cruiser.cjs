/** The import rules of docs/architecture.md: one way, from the gateway down to the wire. */
const only = (name, from, to, except) => ({
  name,
  severity: 'error',
  from: { path: from },
  to: {
    path: '^(node|protocols|http-gateway|openclaw|test|bench)/',
    pathNot: [from, ...to, ...(except ?? [])]
  }
})
module.exports = {
  forbidden: [
    only('protocols-import-npm-only', '^protocols/', []),
    only(
      'leaves-import-protocols-only',
      '^node/(engines|discovery|ledger|identity|config|membership|reach|relay|tokens)/',
      ['^protocols/', '^node/(patches|addresses)/']
    ),
    only('patches-import-protocols-and-addresses', '^node/patches/', ['^protocols/', '^node/addresses/']),
    only('addresses-import-npm-only', '^node/addresses/', []),
    only('contributor-imports-leaves', '^node/contributor/', [
      '^protocols/',
      '^node/(engines|discovery|ledger|identity|config|membership|addresses|tokens)/'
    ]),
    only('consumer-imports-its-leaves', '^node/consumer/', [
      '^protocols/',
      '^node/(discovery|ledger|identity|config|reach|addresses|tokens)/'
    ]),
    only('gateway-imports-consumer', '^http-gateway/', ['^protocols/', '^node/(consumer|ledger)/']),
    only('openclaw-imports-nothing', '^openclaw/', []),
    only('root-imports-node-and-protocols', '^node/[^/]+\\.ts$', ['^protocols/', '^node/(?!entry)']),
    {
      name: 'leaves-stand-alone',
      severity: 'error',
      from: { path: '^node/(engines|discovery|ledger|identity|config|membership|reach|relay|tokens)/' },
      to: {
        path: '^node/(engines|discovery|ledger|identity|config|membership|reach|relay|tokens)/',
        // The setting `engine` takes the names of the engines that there are.
        pathNot: ['^node/$1/', '^node/engines/descriptors\\.ts$']
      }
    },
    {
      name: 'only-config-imports-descriptors',
      severity: 'error',
      from: { path: '^node/(discovery|ledger|identity|membership|reach|relay)/' },
      to: { path: '^node/engines/' }
    },
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

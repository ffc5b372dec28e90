import { join } from 'node:path'
import ts from 'typescript'

/** The unions of what clients send, by their names in the SDKs. */
export const UNIONS = {
  ChatCompletionContentPart: 'openai/resources/chat/completions',
  ChatCompletionTool: 'openai/resources/chat/completions',
  ResponseInputItem: 'openai/resources/responses/responses',
  ResponseInputContent: 'openai/resources/responses/responses',
  Tool: 'openai/resources/responses/responses',
  ContentBlockParam: '@anthropic-ai/sdk/resources/messages/messages',
  ToolUnion: '@anthropic-ai/sdk/resources/messages/messages'
} as const
export type UnionName = keyof typeof UNIONS

/** The values of `type` that the members of each union have in the SDKs that are installed. */
export function typesOfUnions(): Record<UnionName, Set<string>> {
  const fileOf = (module: string): string => join(import.meta.dirname, 'node_modules', `${module}.d.ts`)
  const program = ts.createProgram([...new Set(Object.values(UNIONS).map(fileOf))], {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    types: []
  })
  const checker = program.getTypeChecker()
  const found = Object.entries(UNIONS).map(([name, module]) => {
    const source = program.getSourceFile(fileOf(module))
    const symbol = source && checker.getSymbolAtLocation(source)
    const type = symbol && checker.getExportsOfModule(symbol).find((exported) => exported.name === name)
    if (type === undefined) throw new Error(`${module} exports no ${name}`)
    return [name, literalsOf(checker, checker.getDeclaredTypeOfSymbol(type))]
  })
  return Object.fromEntries(found) as Record<UnionName, Set<string>>
}

function literalsOf(checker: ts.TypeChecker, type: ts.Type): Set<string> {
  const members = type.isUnion() ? type.types : [type]
  return new Set(
    members.flatMap((member) => {
      const property = member.getProperty('type')
      if (property === undefined) return []
      const value = checker.getTypeOfSymbol(property)
      const values = value.isUnion() ? value.types : [value]
      return values.flatMap((one) => (one.isStringLiteral() ? [one.value] : []))
    })
  )
}

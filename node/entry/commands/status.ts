import { join } from 'node:path'
import { z } from 'zod'
import { peersAnswer } from '../../../http-gateway/index.ts'
import type { Config } from '../../config/index.ts'
import { loadOrCreateIdentity } from '../../identity/index.ts'
import { CommandError, EXIT } from '../errors.ts'
import { GatewayClient } from '../gateway-client.ts'
import { withLedger } from '../kept-ledger.ts'
import { credits, table, type Output } from '../output.ts'
import { petnamer } from '../petnames.ts'

/** The fields of `GET /v1/models` that these commands show. */
export const modelList = z.object({
  data: z.array(
    z.looseObject({
      id: z.string(),
      context_length: z.number(),
      lobstah: z.looseObject({
        peers: z.array(z.string()),
        capabilities: z.array(z.string()),
        demonstration: z.boolean().optional()
      })
    })
  )
})

const amounts = z.object({ earned: z.number(), spent: z.number(), claimed: z.number(), net: z.number() })
type Amounts = z.infer<typeof amounts>
interface Disputed {
  disputed?: number | undefined
}

/** The answer of `GET /balance`. */
const paid = z.object({ credits: z.number(), atDefault: z.number() }).optional()
export const balanceSheet = amounts.extend({
  paid,
  peers: z.array(amounts.extend({ peer: z.string(), disputed: z.number().optional(), paid }))
})
type BalanceSheet = z.infer<typeof balanceSheet>

/** Prints who this node is; makes its key where there is none. */
export async function identity(config: Config, output: Output): Promise<void> {
  const { peerId, publicKey, warnings } = await loadOrCreateIdentity(join(config.home, 'identity.key'))
  for (const warning of warnings) output.note(`Warning: ${warning}`)
  output.result({ peer: peerId.toString(), publicKey, home: config.home }, () => peerId.toString())
}

/** Prints the models that can be asked for now. */
export async function models(config: Config, output: Output): Promise<void> {
  const { data } = await (await GatewayClient.of(config)).get('/v1/models', modelList)
  output.result(data, () => {
    if (data.length === 0)
      return 'No model is available. Join a mesh with --bootstrap, or start an engine on this machine.'
    const rows = data.map(({ id, context_length, lobstah }) => [
      id + (lobstah.demonstration === true ? ' (demonstration)' : ''),
      String(context_length),
      String(lobstah.peers.length),
      lobstah.capabilities.join(' ')
    ])
    return table([['MODEL', 'CONTEXT', 'PEERS', 'CAN'], ...rows])
  })
}

/** Prints the contributors that this node knows. */
export async function peers(config: Config, output: Output): Promise<void> {
  const { peers } = await (await GatewayClient.of(config)).get('/peers', peersAnswer)
  output.result(peers, () => peersText(peers, petnamer(config)))
}

/** The contributors for a person, with what is to be noticed of each. */
export function peersText(
  peers: z.infer<typeof peersAnswer>['peers'],
  nameOf: (peer: string) => string = (peer) => peer
): string {
  if (peers.length === 0) return 'No contributor is known. Join a mesh with --bootstrap <multiaddr>.'
  const rows = peers.map((peer) => [
    nameOf(peer.peer),
    peer.state,
    peer.path ?? '',
    `${peer.active}/${peer.slots}`,
    peer.firstTokenMs === null ? '' : `${Math.round(peer.firstTokenMs)} ms`,
    `${peer.answered}/${peer.failed}`,
    peer.models.join(' '),
    remarks(peer)
  ])
  return table([
    ['PEER', 'STATE', 'PATH', 'BUSY', 'FIRST TOKEN', 'ANSWERED/FAILED', 'MODELS', 'REMARKS'],
    ...rows
  ])
}

/** Remarks about a contributor: disputed claims, and token counts that differ from those of others. */
function remarks({ disputes = 0, tokenDrift = [] }: z.infer<typeof peersAnswer>['peers'][number]): string {
  const drifts = tokenDrift.map(
    ({ model, tokensPerByte, othersTokensPerByte }) =>
      `${model}: ${tokensPerByte.toFixed(3)} tokens a byte, others ${othersTokensPerByte.toFixed(3)}`
  )
  return [...(disputes === 0 ? [] : [`${disputes} disputed`]), ...drifts].join('; ')
}

/** Prints what was earned and spent, with whom: asked of the running node, else read from the ledger. */
export async function balance(config: Config, output: Output): Promise<void> {
  const sheet = await currentBalance(config)
  output.result(sheet, () => balanceText(sheet, petnamer(config)))
}

/** The balances for a person; whoever owes reads how to earn. */
export function balanceText(sheet: BalanceSheet, nameOf: (peer: string) => string = (peer) => peer): string {
  const disputed = sheet.peers.reduce((sum, peer) => sum + (peer.disputed ?? 0), 0)
  const sums = table([
    ['CREDITS', ...AMOUNTS],
    ...sheet.peers.map((peer) => [nameOf(peer.peer), ...amountCells(peer)]),
    ['all', ...amountCells({ ...sheet, disputed })]
  ])
  const rows = sheet.paid === undefined ? sums : `${sums}\n\n${paidText(sheet.paid)}`
  if (sheet.net >= 0) return rows
  return `${rows}\n\nYou owe ${credits(-sheet.net)}. To earn, serve your models to those you owe: lobstah-node --contribute`
}

/** The amount paid, compared with the default prices. */
function paidText({ credits: paid, atDefault }: { credits: number; atDefault: number }): string {
  return `Since this node started, it paid ${credits(paid)} to contributors with their own prices; default prices would have come to ${credits(atDefault)}.`
}

/** The columns of {@link amountCells}. */
export const AMOUNTS = ['EARNED', 'SPENT', 'CLAIMED', 'DISPUTED', 'NET']

/** Amounts in columns, in credits. */
export function amountCells({ earned, spent, claimed, disputed = 0, net }: Amounts & Disputed): string[] {
  return [earned, spent, claimed, disputed, net].map(credits)
}

async function currentBalance(config: Config): Promise<BalanceSheet> {
  try {
    return await (await GatewayClient.of(config)).get('/balance', balanceSheet)
  } catch (err) {
    if (!(err instanceof CommandError) || err.exitCode !== EXIT.unavailable) throw err
    return await withLedger(config, (book) => book.balance())
  }
}

import type { z } from 'zod'
import { explanationsAnswer } from '../../../http-gateway/index.ts'
import type { Config } from '../../config/index.ts'
import { GatewayClient } from '../gateway-client.ts'
import { table, type Output } from '../output.ts'

type Explanation = z.infer<typeof explanationsAnswer>['explanations'][number]

/** Prints who would be asked for a model now, or why a recent request went where it went. */
export async function explain(config: Config, subject: string, output: Output): Promise<void> {
  const client = await GatewayClient.of(config)
  const path = `/explain/${encodeURIComponent(subject)}`
  const { explanations } = await client.get(path, explanationsAnswer)
  output.result(explanations, () => explanations.map(explanationText).join('\n\n'))
}

/** An explanation for a person: every model of the chain, with its candidates and their terms. */
export function explanationText({ request, asked, served, links }: Explanation): string {
  const head =
    request === ''
      ? `${asked} would be asked for now as follows.`
      : `Request ${request} for ${asked} ${served === undefined ? 'was not answered' : `went to ${served.peer} (${served.route}) for ${served.model}: ${served.reason.why}`}.`
  return [head, ...links.map(linkText)].join('\n\n')
}

function linkText({
  name,
  model,
  candidates,
  more,
  attempts,
  failure
}: Explanation['links'][number]): string {
  const rows = candidates.map(({ peer, route, relation, exclusions, lacks, terms, finishMs, score }) => [
    peer,
    route,
    relation,
    ...Object.values(terms).map(String),
    String(finishMs),
    String(score),
    [...exclusions, ...lacks.map((wish) => `lacks ${wish}`)].join(' ')
  ])
  const terms = Object.keys(candidates[0]?.terms ?? {}).map((term) => term.toUpperCase())
  const head = ['PEER', 'ROUTE', 'RELATION', ...terms, 'FINISH', 'SCORE', 'LEFT OUT FOR']
  return [
    name === model ? `${model} (milliseconds; a lower score is better)` : `${name}: ${model} (milliseconds)`,
    rows.length === 0 ? 'No contributor offers it.' : table([head, ...rows]),
    ...(more === 0 ? [] : [`and ${more} more`]),
    ...attempts.map(
      ({ peer, why, atMs, outcome, message }) =>
        `after ${atMs} ms: ${peer} (${why}): ${outcome}${message === undefined ? '' : `, ${message}`}`
    ),
    ...(failure === undefined ? [] : [`failed: ${failure.message} (${failure.code})`])
  ].join('\n')
}

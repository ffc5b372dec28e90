import type { JSX } from 'preact'
import type { DashboardState } from '../../http-gateway/dashboard/state.ts'
import { Card } from './parts.tsx'

/** Whether a node has nothing to show yet: no model, no peer, no mesh. */
export function isEmpty({ models, peers, links, node }: DashboardState): boolean {
  return models.length === 0 && peers.length === 0 && links.length === 0 && !node.joins
}

/** Greets an empty node with the three things that one can do. */
export function Welcome(): JSX.Element {
  return (
    <Card title="Welcome. What would you like to do?">
      <ol class="welcome">
        <li>
          <h3>Ask the models of others</h3>
          <p>Somebody has sent you an invite? Join their mesh, and their models are at this address.</p>
          <p>
            <a href="#/contribute">Join with an invite</a>
          </p>
        </li>
        <li>
          <h3>Share this machine with friends</h3>
          <p>Make a private mesh, and send an invite to those who may use it.</p>
          <p>
            <a href="#/contribute">Invite somebody</a>
          </p>
        </li>
        <li>
          <h3>Use a model of this machine</h3>
          <p>
            Start Ollama and pull a model, such as <code>ollama pull llama3.2</code>. It appears here by
            itself.
          </p>
          <p>
            <a href="#/health">See what was found</a>
          </p>
        </li>
      </ol>
    </Card>
  )
}

import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Page } from 'playwright-core'
import { startOllamaServer, type OllamaServer } from '../support/engines/ollama-server.ts'
import { startProcess, type RunningNode } from '../support/node-process.ts'
import { Viewer, accessible, fits, hasBrowser, keep } from './browser.ts'

const HOSTILE = '<img src=x onerror=alert(1)>:1b'

const MARKDOWN = [
  '## A mesh\n\nA mesh is a **group of computers** that help each other:\n\n',
  '- each can *ask*\n- each can `serve`\n\n',
  '```js\nconst peers = await mesh.peers()\n```\n\n',
  '<script>document.title = "owned"</script> <img src="https://elsewhere.example/x.png" onerror="alert(1)">\n\n',
  '![a picture](https://elsewhere.example/y.png) [a link](javascript:alert(1)) [a good one](https://example.org/)\n'
]

describe('the dashboard, in Chromium', function () {
  this.timeout(300_000)
  let folder: string
  let viewer: Viewer
  const nodes: RunningNode[] = []
  const engines: OllamaServer[] = []

  const start = async (name: string, args: string[], env: NodeJS.ProcessEnv = {}): Promise<RunningNode> => {
    const node = await startProcess(join(folder, name), args, env)
    nodes.push(node)
    return node
  }
  const engine = async (...models: string[]): Promise<OllamaServer> => {
    const server = await startOllamaServer({
      models: models.map((name) => ({
        name,
        contextLength: 8192,
        parameters: 3_000_000_000,
        capabilities: ['completion']
      })),
      script: ({ text }) =>
        /slowly/.test(text)
          ? { text: Array.from({ length: 400 }, (_, n) => ` word${n}`), gate: () => delay(60) }
          : { text: MARKDOWN.flatMap((piece) => piece.split(/(?<= )/)) }
    })
    engines.push(server)
    return server
  }
  const tokenOf = async (node: RunningNode): Promise<string> =>
    (await readFile(join(node.home, 'token'), 'utf8')).trim()
  const asOwner = async (node: RunningNode, view = ''): Promise<string> =>
    `${node.url}/#token=${await tokenOf(node)}${view}`

  before(async function () {
    if (!hasBrowser) this.skip()
    folder = await mkdtemp(join(tmpdir(), 'lobstah-dashboard-'))
    viewer = await Viewer.launch()
  })
  after(async () => {
    await viewer.close()
    await Promise.all(nodes.map((node) => node.end()))
    await Promise.all(engines.map((each) => each.close()))
    await rm(folder, { recursive: true, force: true })
  })
  afterEach(() => assert.deepEqual(viewer.faults.splice(0), []))

  it('greets on an empty node with the three things that one can do', async () => {
    const node = await start('alone', ['--engine', 'none', '--gateway-port', '0'])
    const page = await viewer.open(node.url)
    await page.getByRole('heading', { name: /Welcome/ }).waitFor()
    assert.equal(await page.locator('.welcome > li').count(), 3)
    await accessible(page)
    await keep(page, '01-alone')
    await node.end()
    await page.getByText('The node does not answer').waitFor()
    await keep(page, '02-node-gone')
  })

  describe('with three nodes and a relay', () => {
    let asking: RunningNode
    let first: RunningNode
    let second: RunningNode

    before(async () => {
      const relay = await start('relay', ['relay', '--listen', '/ip4/127.0.0.1/tcp/0'])
      const via = relay.addresses.find((address) => address.includes('/tcp/')) ?? ''
      const contribute = async (name: string, ...models: string[]): Promise<RunningNode> =>
        await start(
          name,
          ['--contribute', '--gateway-port', '0', '--bootstrap', via, '--listen', '/ip4/127.0.0.1/tcp/0'],
          { OLLAMA_HOST: (await engine(...models)).url }
        )
      ;[first, second, asking] = await Promise.all([
        contribute('first', 'llama3.2:3b', HOSTILE),
        contribute('second', 'llama3.2:3b', 'qwen3:8b'),
        start('asking', ['--engine', 'none', '--gateway-port', '0', '--bootstrap', via])
      ])
      const page = await viewer.open(asking.url)
      await page.locator('.dot.peer.up').nth(1).waitFor()
      await page.close()
    })

    /** Asks without end in sight; returns how to stop. */
    const asks = (content: string): AbortController => {
      const controller = new AbortController()
      fetch(`${asking.url}/v1/chat/completions`, {
        method: 'POST',
        signal: controller.signal,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ model: 'llama3.2:3b', stream: true, messages: [{ role: 'user', content }] })
      })
        .then((response) => response.text())
        .catch(() => undefined)
      return controller
    }

    it('shows the mesh, and requests that move in it', async () => {
      const answers = [asks('slowly'), asks('slowly')]
      const page = await viewer.open(await asOwner(asking))
      await page.locator('.moves').first().waitFor()
      await page.locator('.requests > li').nth(1).waitFor()
      await page
        .getByText(/tok\/s/)
        .first()
        .waitFor()
      await page.locator('.dot.peer.up').first().click()
      await page.getByRole('heading', { name: /^Peer/ }).waitFor()
      await page.getByText('Why this peer').first().click()
      await accessible(page)
      await keep(page, '03-mesh-live')
      const serving = await viewer.open(await asOwner(first))
      await serving.getByText('Served to others').waitFor()
      await keep(serving, '04-contributor')
      const running = await page.locator('.requests > li').count()
      await page.getByRole('button', { name: /^Stop/ }).first().click()
      await page
        .locator('.requests > li')
        .nth(running - 1)
        .waitFor({ state: 'detached' })
      for (const each of answers) each.abort()
      await page.getByText('None is running.').waitFor()
    })

    it('chats, with Markdown that stays text, a receipt, regenerate and stop', async () => {
      const page = await viewer.open(`${asking.url}/#/models`)
      await page.getByRole('table').getByText(HOSTILE).waitFor()
      assert.equal(await page.locator('img').count(), 0)
      await page.getByLabel('Model', { exact: true }).selectOption('llama3.2:3b')
      await page.getByLabel('Question').fill('What is a mesh?')
      await page.getByLabel('Question').press('Enter')
      await page.getByText(/^Receipt: /).waitFor()
      await page.locator('.answer strong').getByText('group of computers').waitFor()
      assert.equal(await page.locator('.answer img, .answer script').count(), 0)
      assert.equal(await page.locator('.answer a').count(), 2)
      assert.notEqual(await page.title(), 'owned')
      await accessible(page)
      await keep(page, '05-chat')
      await page.getByRole('button', { name: 'Regenerate' }).click()
      await page.getByRole('button', { name: 'Stop answer' }).waitFor({ state: 'hidden' })
      await page.getByText(/^Receipt: /).waitFor()
      await page.getByLabel('Question').fill('Tell me slowly')
      await page.getByRole('button', { name: 'Send' }).click()
      await page.getByText('word3').waitFor()
      await page.getByRole('button', { name: 'Stop answer' }).click()
      await page.getByText('Stopped.').waitFor()
    })

    it('is used by keyboard alone', async () => {
      const page = await viewer.open(asking.url)
      await page.locator('.dot.peer.up').first().waitFor()
      await page.keyboard.press('Tab')
      await page.keyboard.press('Enter')
      assert.equal(await focused(page), 'main')
      await page.locator('.dot.peer.up').first().focus()
      await page.keyboard.press('Enter')
      await page.getByRole('heading', { name: /^Peer/ }).waitFor()
      await page.keyboard.press('Enter')
      await page.getByRole('heading', { name: 'Details' }).waitFor()
    })

    it('invites, and another node joins', async () => {
      const inviting = await viewer.open(await asOwner(first))
      await inviting.getByRole('link', { name: 'Contribute' }).click()
      await inviting.getByLabel('Name of the new private mesh').fill('lobster home')
      await inviting.getByRole('button', { name: 'Make an invite' }).click()
      await inviting.getByAltText('The invite as a QR code').waitFor()
      const invite = await inviting.getByLabel(/^Invite, until/).inputValue()
      await accessible(inviting)
      await keep(inviting, '06-invited')
      const joining = await viewer.open(await asOwner(asking))
      await joining.getByRole('link', { name: 'Contribute' }).click()
      await joining.getByRole('textbox', { name: 'Invite', exact: true }).fill('no invite at all')
      await joining.getByRole('button', { name: 'Join this mesh' }).click()
      await joining.getByRole('alert').waitFor()
      await joining.getByRole('textbox', { name: 'Invite', exact: true }).fill(invite)
      await joining.getByRole('button', { name: 'Join this mesh' }).click()
      await joining.getByText('Joined “lobster home”').waitFor()
      await keep(joining, '07-joined')
    })

    it('keeps friends, checks the node, verifies its receipts and shows the past', async () => {
      const page = await viewer.open(await asOwner(asking))
      await page.getByRole('link', { name: 'Contribute' }).click()
      await page.getByRole('textbox', { name: 'Peer id', exact: true }).fill(second.peer)
      await page.getByRole('button', { name: 'Add as a friend' }).click()
      await page.getByRole('button', { name: `Remove …${second.peer.slice(-6)}` }).waitFor()
      await page.getByRole('link', { name: 'Health' }).click()
      await page.getByRole('button', { name: 'Check this node' }).click()
      await page.getByRole('button', { name: 'Verify all' }).click()
      await page.getByText(/every signature is good/).waitFor()
      const saved = page.waitForEvent('download')
      await page.getByRole('button', { name: 'Export' }).click()
      assert.equal((await saved).suggestedFilename(), 'receipts.jsonl')
      await page.getByRole('list', { name: 'Findings' }).waitFor()
      await accessible(page)
      await keep(page, '08-health')
      await page.getByRole('link', { name: 'Over time' }).click()
      await page.getByRole('img', { name: /^Tokens written: asked [1-9]/ }).waitFor()
      await page.getByRole('button', { name: 'Last 30 days' }).click()
      await page.getByRole('img', { name: /^Tokens written: asked [1-9]/ }).waitFor()
      await page.getByRole('group', { name: 'By model' }).getByText('llama3.2:3b').waitFor()
      await keep(page, '09-over-time')
    })

    it('says which part cannot be read, and why', async () => {
      const page = await viewer.open(await asOwner(asking))
      const json = { error: { message: 'The disk is full' } }
      await page.route('**/receipts?*', (route) => route.fulfill({ status: 500, json }))
      await page.getByRole('link', { name: 'Health' }).click()
      await page.getByText('Receipts could not be read: The disk is full').waitFor()
      await accessible(page)
      await page.getByRole('link', { name: 'Models' }).click()
      await page.getByText('could not be read').waitFor({ state: 'detached' })
    })

    it('pauses, resumes and limits what peers get, at once', async () => {
      const page = await viewer.open(await asOwner(second))
      const models = async (): Promise<string> => await (await fetch(`${asking.url}/v1/models`)).text()
      const until = async (serves: boolean): Promise<void> => {
        while ((await models()).includes('qwen3:8b') !== serves) await delay(50)
      }
      await page.getByRole('link', { name: 'Contribute' }).click()
      await page.getByRole('button', { name: 'Pause', exact: true }).click()
      await page.getByText('Its owner paused this contributor').waitFor()
      await until(false)
      await page.getByRole('button', { name: 'Resume' }).click()
      await page.getByText('Open: peers are served.').waitFor()
      await until(true)
      await page.getByRole('textbox', { name: 'Models empty: all' }).fill('llama3.2:3b')
      await page.getByRole('button', { name: 'Save limits' }).click()
      await page.getByText('Saved; in force now.').waitFor()
      await until(false)
      await page.getByRole('textbox', { name: 'Models empty: all' }).fill('')
      await page.getByRole('button', { name: 'Save limits' }).click()
      await until(true)
      await keep(page, '11-limits')
    })

    it('shows nothing of the owner without the token', async () => {
      const page = await viewer.open(asking.url)
      for (const view of ['Contribute', 'Health']) {
        await page.getByRole('link', { name: view }).click()
        await page
          .getByText(/are for the owner of this node/)
          .first()
          .waitFor()
        assert.equal(await page.locator('.card button').count(), 0)
      }
    })

    for (const [name, look] of Object.entries({
      '320': { width: 320, height: 800 },
      dark: { dark: true },
      '320-dark': { width: 320, height: 800, dark: true },
      wide: { width: 1920, height: 1000 }
    })) {
      it(`fits and is accessible: ${name}`, async () => {
        const page = await viewer.open(await asOwner(asking), look)
        const views = await page.getByRole('navigation').getByRole('link').allTextContents()
        for (const view of views) {
          await page.getByRole('navigation').getByRole('link', { name: view }).click()
          await page.locator('.card').first().waitFor()
          await page.waitForTimeout(300)
          await fits(page)
          await accessible(page)
          await keep(page, `10-${name}-${view.toLowerCase().replaceAll(' ', '-')}`)
        }
      })
    }

    it('shows that a contributor is lost, and that its answer goes on elsewhere', async () => {
      const page = await viewer.open(asking.url)
      await page.locator('.dot.peer.up').nth(1).waitFor()
      const answer = asks('slowly')
      await page.getByText(/asked of/).waitFor()
      await page.getByText(/tok\/s/).waitFor()
      const text = (await page.getByText(/asked of/).textContent()) ?? ''
      const lost = text.includes(first.peer.slice(-6)) ? first : second
      await lost.end('SIGKILL')
      await page.locator('.dot.peer.down').waitFor()
      await page.getByText(/, after …/).waitFor()
      await keep(page, '20-contributor-lost')
      answer.abort()
    })
  })
})

async function focused(page: Page): Promise<string> {
  return await page.evaluate('document.activeElement.id')
}

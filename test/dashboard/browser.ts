import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { AxeBuilder } from '@axe-core/playwright'
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core'

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) =>
  existsSync(path)
)

/** Where screenshots are kept. */
const ARTEFACTS = join(import.meta.dirname, '../../artefacts/dashboard')

/** How a page is looked at. */
export interface Look {
  width?: number
  height?: number
  dark?: boolean
}

/** Whether a browser is installed here. */
export const hasBrowser = CHROMIUM !== undefined

/** A browser that notes what no page of ours may do: errors, violations of its policy, requests to other hosts. */
export class Viewer {
  readonly faults: string[] = []
  readonly #browser: Browser
  readonly #contexts: BrowserContext[] = []

  private constructor(browser: Browser) {
    this.#browser = browser
  }

  static async launch(): Promise<Viewer> {
    await mkdir(ARTEFACTS, { recursive: true })
    return new Viewer(
      await chromium.launch({ executablePath: CHROMIUM ?? '', args: ['--no-sandbox', '--no-proxy-server'] })
    )
  }

  /** Opens a page in a window of its own. */
  async open(url: string, { width = 1280, height = 900, dark = false }: Look = {}): Promise<Page> {
    const context = await this.#browser.newContext({
      viewport: { width, height },
      colorScheme: dark ? 'dark' : 'light',
      reducedMotion: 'reduce'
    })
    this.#contexts.push(context)
    const page = await context.newPage()
    const { host } = new URL(url)
    page.on('pageerror', (err) => this.faults.push(`error: ${err.message}`))
    page.on('console', (message) => {
      // A node that is gone is part of the tests.
      if (message.type() === 'error' && !/Failed to load resource|ERR_/.test(message.text()))
        this.faults.push(`console: ${message.text()}`)
    })
    page.on('request', (request) => {
      const target = new URL(request.url())
      if (target.protocol.startsWith('http') && target.host !== host)
        this.faults.push(`request: ${request.url()}`)
    })
    await page.goto(url)
    return page
  }

  async close(): Promise<void> {
    await this.#browser.close()
  }
}

/** Keeps a picture of a page for people to look at. */
export async function keep(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: join(ARTEFACTS, `${name}.png`), fullPage: true })
}

/** Fails where axe finds something that keeps people out. */
export async function accessible(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze()
  assert.deepEqual(
    violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(' | ')}`),
    []
  )
}

/** Fails where the page is wider than its window. */
export async function fits(page: Page): Promise<void> {
  const widths: unknown = await page.evaluate('[window.innerWidth, document.documentElement.scrollWidth]')
  const [inner, scroll] = widths as [number, number]
  assert.ok(scroll <= inner, `the page is ${scroll} wide in a window of ${inner}`)
}

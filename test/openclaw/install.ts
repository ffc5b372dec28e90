import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The real ones, as released: clients of this test, never dependencies of this package. */
const PACKAGES = ['openclaw@2026.9.6', '@clawdbot/lobster@2026.9.13']

/** Where both programs are. */
export interface Programs {
  openclaw: string
  lobster: string
}

/** npm's settings of whoever runs the test, for commands that get a home of their own. */
export function npmSettings(): NodeJS.ProcessEnv {
  const setting = (name: string): string =>
    execFileSync('npm', ['config', 'get', name], { encoding: 'utf8' }).trim()
  return { NPM_CONFIG_USERCONFIG: setting('userconfig'), NPM_CONFIG_CACHE: setting('cache') }
}

/** Installs OpenClaw and Lobster into a folder that later runs find again; `OPENCLAW_FOLDER` names another. */
export async function installPrograms(): Promise<Programs> {
  const folder =
    process.env.OPENCLAW_FOLDER ?? join(tmpdir(), `lobstah-test-${PACKAGES[0]?.replace('@', '-')}`)
  const modules = join(folder, 'node_modules')
  const programs = {
    openclaw: join(modules, 'openclaw/openclaw.mjs'),
    lobster: join(modules, '@clawdbot/lobster/bin/lobster.js')
  }
  if (existsSync(programs.openclaw) && existsSync(programs.lobster)) return programs
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'package.json'), '{"private":true}')
  execFileSync('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', ...PACKAGES], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit']
  })
  return programs
}

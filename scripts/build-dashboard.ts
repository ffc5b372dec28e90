/** Builds the dashboard's page into `dist/http-gateway/dashboard/page/`: `node scripts/build-dashboard.ts`. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { build } from 'vite'

const ROOT = join(import.meta.dirname, '..')

/** One script and one stylesheet, nothing inline: the page's policy allows no more. */
export async function buildDashboard(): Promise<void> {
  const outDir = join(ROOT, 'dist/http-gateway/dashboard/page')
  await rm(outDir, { recursive: true, force: true })
  await build({
    root: join(ROOT, 'dashboard'),
    base: './',
    configFile: false,
    envDir: false,
    logLevel: 'warn',
    publicDir: false,
    build: {
      outDir,
      emptyOutDir: true,
      target: 'es2023',
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false }
    }
  })
}

if (import.meta.main) await buildDashboard()

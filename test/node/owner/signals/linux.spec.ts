import assert from 'node:assert/strict'
import { spawn, execFileSync, type ChildProcess } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseIdletime, parseSessions, readLinuxInput } from '../../../../node/owner/signals/linux-input.ts'
import { parsePmon, readLinuxGpu } from '../../../../node/owner/signals/linux-gpu.ts'
import { readLinuxPower } from '../../../../node/owner/signals/linux-power.ts'
import { signalSource } from '../../../../node/owner/signals/index.ts'
import { x11IdleMs } from '../../../../node/owner/signals/x11-idle.ts'
import { until } from '../../../support/mesh.ts'

const missing = (): Promise<string> =>
  Promise.reject(Object.assign(new Error('spawn ENOENT'), { code: 'ENOENT' }))

describe('node/owner/signals/linux', () => {
  let root = ''
  const { signal } = new AbortController()

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'lobstah-sys-'))
  })

  afterEach(() => rm(root, { recursive: true }))

  async function supply(name: string, fields: Record<string, string>): Promise<void> {
    const folder = join(root, 'sys/class/power_supply', name)
    await mkdir(folder, { recursive: true })
    for (const [field, value] of Object.entries(fields)) await writeFile(join(folder, field), `${value}\n`)
  }

  describe('power', () => {
    it('is mains on a machine without batteries', async () => {
      assert.deepEqual(await readLinuxPower(root), { known: true, value: 'mains' })
      await supply('hidpp_battery_0', { type: 'Battery', scope: 'Device', status: 'Discharging' })
      assert.deepEqual(await readLinuxPower(root), { known: true, value: 'mains' })
    })

    it('follows the plug of a laptop', async () => {
      await supply('BAT0', { type: 'Battery', status: 'Discharging' })
      await supply('AC', { type: 'Mains', online: '0' })
      assert.deepEqual(await readLinuxPower(root), { known: true, value: 'battery' })
      await supply('AC', { type: 'Mains', online: '1' })
      assert.deepEqual(await readLinuxPower(root), { known: true, value: 'mains' })
    })

    it('takes power over USB-C for mains, and a discharging UPS for a battery', async () => {
      await supply('BAT0', { type: 'Battery', status: 'Charging' })
      await supply('ucsi-source-psy-1', { type: 'USB', online: '1' })
      assert.deepEqual(await readLinuxPower(root), { known: true, value: 'mains' })
      await rm(join(root, 'sys'), { recursive: true })
      await supply('hid-ups', { type: 'UPS', status: 'Discharging' })
      assert.deepEqual(await readLinuxPower(root), { known: true, value: 'battery' })
    })

    it('does not guess where a battery does not say', async () => {
      await supply('BAT0', { type: 'Battery', status: 'Unknown' })
      assert.equal((await readLinuxPower(root)).known, false)
    })
  })

  describe('gpu', () => {
    const PMON = [
      '# gpu         pid   type     sm    mem    enc    dec    jpg    ofa    command ',
      '# Idx           #    C/G      %      %      %      %      %      %    name ',
      '    0       1234     C     80     12      -      -      -      -    ollama_llama_se',
      '    0       2345     G     41      9      -      -      -      -    cs2            ',
      '    0       3456     G      -      -      -      -      -      -    Xorg           ',
      '    1          -     -      -      -      -      -      -      -    -              '
    ].join('\n')
    const pmon = (): Promise<string> => Promise.resolve(PMON)

    it("counts other programs' load, and all of it while this node rests", async () => {
      assert.deepEqual(
        parsePmon(PMON).map(({ load }) => load),
        [80, 41, 0]
      )
      assert.deepEqual(await readLinuxGpu({ root, run: pmon }, true, signal), { known: true, value: 41 })
      assert.deepEqual(await readLinuxGpu({ root, run: pmon }, false, signal), { known: true, value: 100 })
    })

    it('reads the columns of other drivers by their names', () => {
      const old =
        '# gpu   pid  type  sm  mem  enc  dec  command\n# Idx # C/G % % % % name\n 0  77  C  5  1  0  0  python3 -m x'
      assert.deepEqual(parsePmon(old), [{ pid: 77, load: 5, command: 'python3 -m x' }])
    })

    it('reads AMD cards while this node rests, and guesses nothing while it works', async () => {
      await mkdir(join(root, 'sys/class/drm/card0/device'), { recursive: true })
      await writeFile(join(root, 'sys/class/drm/card0/device/gpu_busy_percent'), '63\n')
      assert.deepEqual(await readLinuxGpu({ root, run: missing }, false, signal), { known: true, value: 63 })
      assert.equal((await readLinuxGpu({ root, run: missing }, true, signal)).known, false)
    })

    it('finds no graphics processor on most servers, and says where nvidia-smi fails', async () => {
      assert.deepEqual(await readLinuxGpu({ root, run: missing }, false, signal), {
        known: true,
        value: 'no_gpu'
      })
      const broken = (): Promise<string> => Promise.reject(new Error('Driver/library version mismatch'))
      assert.deepEqual(await readLinuxGpu({ root, run: broken }, false, signal), {
        known: false,
        detail: 'Driver/library version mismatch'
      })
    })
  })

  describe('input', () => {
    const SESSIONS = [
      'Type=wayland\nClass=user\nIdleHint=yes\nIdleSinceHint=1796000000000000',
      'Type=tty\nClass=user\nIdleHint=no\nIdleSinceHint=0',
      'Type=x11\nClass=greeter\nIdleHint=no\nIdleSinceHint=0'
    ].join('\n\n')
    const now = (): number => 1_796_000_090_000

    function logind(sessions: string): (file: string, args: readonly string[]) => Promise<string> {
      return async (file, args) => {
        if (file !== 'loginctl') return await missing()
        return args[0] === 'list-sessions' ? '  2 1000 me seat0 2345 user\n  4 1000 me - 99 user\n' : sessions
      }
    }

    it('reads logind, whose desktop sessions alone count', async () => {
      assert.equal(parseSessions(SESSIONS).length, 1)
      const idle = await readLinuxInput({ env: {}, root, run: logind(SESSIONS), now }, signal)
      assert.deepEqual(idle, { known: true, value: 90_000 })
    })

    it('does not guess where a desktop is not called idle', async () => {
      const run = logind('Type=wayland\nClass=user\nIdleHint=no\nIdleSinceHint=0')
      assert.equal((await readLinuxInput({ env: {}, root, run, now }, signal)).known, false)
      const wayland = { WAYLAND_DISPLAY: 'wayland-0', DISPLAY: ':0' }
      assert.equal((await readLinuxInput({ env: wayland, root, run: missing, now }, signal)).known, false)
    })

    it("asks GNOME's idle monitor on Wayland", async () => {
      assert.equal(parseIdletime('{"type":"t","data":[1234]}'), 1234)
      const run = async (file: string): Promise<string> =>
        file === 'busctl' ? '{"type":"t","data":[61000]}\n' : await missing()
      const input = await readLinuxInput({ env: { XDG_SESSION_TYPE: 'wayland' }, root, run, now }, signal)
      assert.deepEqual(input, { known: true, value: 61_000 })
    })

    it('finds no desktop on a headless machine', async () => {
      const input = await readLinuxInput({ env: {}, root, run: missing, now }, signal)
      assert.deepEqual(input, { known: true, value: 'no_desktop' })
    })

    it('does not guess where the X server does not answer, or is another machine’s', async () => {
      for (const display of [':77', 'localhost:10.0'])
        assert.equal(
          (await readLinuxInput({ env: { DISPLAY: display }, root, run: missing, now }, signal)).known,
          false
        )
    })
  })

  describe('input of a real X server', () => {
    let server: ChildProcess | undefined
    let display = ''

    before(async function () {
      try {
        execFileSync('Xvfb', ['-help'], { stdio: 'ignore' })
      } catch (err) {
        if ((err as NodeJS.ErrnoException).code === 'ENOENT') {
          process.stderr.write(
            '      Xvfb is not installed: input of X11 is not tested (apt-get install xvfb xdotool)\n'
          )
          this.skip()
        }
      }
      server = spawn('Xvfb', ['-displayfd', '3', '-nolisten', 'tcp', '-noreset'], {
        stdio: ['ignore', 'ignore', 'ignore', 'pipe']
      })
      const pipe = server.stdio[3]
      display = await new Promise<string>((resolve) => {
        let text = ''
        pipe?.on('data', (data: Buffer) => {
          text += data.toString()
          if (text.includes('\n')) resolve(`:${text.trim()}`)
        })
      })
    })

    after(() => {
      server?.kill()
    })

    it('tells the time since the last input, which a moved mouse ends', async function () {
      const env = { DISPLAY: display, HOME: root }
      const idle = (): Promise<number> => x11IdleMs({ display, env, root: '/', signal })
      await until(async () => (await idle()) > 300)
      const { input } = await signalSource({ platform: 'linux', env }).read({ busy: false, signal })
      assert.ok(input.known && input.value !== 'no_desktop' && input.value > 300)
      try {
        execFileSync('xdotool', ['mousemove', '11', '12'], { env: { ...process.env, ...env } })
      } catch (err) {
        if ((err as NodeJS.ErrnoException).code === 'ENOENT') this.skip()
        throw err
      }
      const after = await idle()
      assert.ok(after < 300, `${after} ms after the mouse moved`)
    })
  })
})

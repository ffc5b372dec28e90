import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse as parsePlist } from 'plist'
import { launchdPlist } from '../../../node/entry/service/launchd-plist.ts'
import { programCommand } from '../../../node/entry/service/program-command.ts'
import { scheduledTask } from '../../../node/entry/service/scheduled-task.ts'
import { systemdUnit } from '../../../node/entry/service/systemd-unit.ts'
import { deployedUnits } from '../../../scripts/reference/deployed-units.ts'
import { runProcess } from '../../support/node-process.ts'

const ROOT = join(import.meta.dirname, '../../..')
/** With everything in it that unit files, property lists and command lines treat as special. */
const AWKWARD = { command: ['/opt/no de/$x%h', 'C:\\a "b"', '/m&n<o>'], home: '/data/my %h & <home>' }

describe('node/entry/service', function () {
  this.timeout(240_000)
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lobstah-service-'))
  })
  afterEach(() => rm(folder, { recursive: true }))

  describe('the files', () => {
    it('of deploy/ are those that an install for the system writes', async () => {
      for (const [name, text] of Object.entries(deployedUnits()))
        assert.equal(await readFile(join(ROOT, 'deploy', name), 'utf8'), text, `${name}: npm run reference`)
    })

    it('please systemd, with nothing to remark on', async function () {
      const analyze = (...args: string[]): ReturnType<typeof spawnSync> =>
        spawnSync('systemd-analyze', args, {
          encoding: 'utf8',
          env: { ...process.env, XDG_RUNTIME_DIR: folder }
        })
      if (analyze('--version').status !== 0) this.skip()
      for (const kind of ['node', 'relay'] as const) {
        for (const scope of ['user', 'system'] as const) {
          const file = join(folder, `lobstah-${kind}.service`)
          await writeFile(
            file,
            systemdUnit({ kind, scope, command: ['/bin/true', 'a $b %c'], home: '/var/my home' })
          )
          const scoped = scope === 'user' ? ['--user'] : []
          const { status, stderr } = analyze(...scoped, '--man=no', 'verify', file)
          const remarks = String(stderr)
            .split('\n')
            .filter((line) => line.includes('lobstah-'))
          assert.deepEqual([status, remarks], [0, []], `${kind} ${scope}`)
        }
      }
    })

    it('escape what systemd would expand', () => {
      const unit = systemdUnit({ kind: 'node', scope: 'user', ...AWKWARD })
      assert.ok(unit.includes('ExecStart="/opt/no de/$$x%%h" "C:\\\\a \\"b\\"" /m&n<o>'), unit)
      assert.ok(unit.includes('Environment="LOBSTAH_HOME=/data/my %%h & <home>"'))
      assert.ok(unit.includes('ReadWritePaths="/data/my %%h & <home>"'))
    })

    it('read by launchd come out as they went in, and start again after a crash only', () => {
      const read = parsePlist(launchdPlist({ kind: 'node', ...AWKWARD })) as Record<string, unknown>
      assert.deepEqual(read.ProgramArguments, AWKWARD.command)
      assert.deepEqual(read.EnvironmentVariables, { LOBSTAH_HOME: AWKWARD.home })
      assert.deepEqual(read.KeepAlive, { SuccessfulExit: false })
      assert.deepEqual([read.Label, read.RunAtLoad, read.ProcessType], ['lobstah-node', true, 'Interactive'])
    })

    it('for Windows run on battery, without an end, at a usual priority', () => {
      const xml = scheduledTask({ kind: 'node', ...AWKWARD }, 'PC\\A & B')
      for (const part of [
        '<DisallowStartIfOnBatteries>false<',
        '<StopIfGoingOnBatteries>false<',
        '<ExecutionTimeLimit>PT0S<',
        '<Priority>6<',
        '<UserId>PC\\A &amp; B<',
        '&quot;C:\\a \\&quot;b\\&quot;&quot;',
        '--home &quot;/data/my %h &amp; &lt;home&gt;&quot;'
      ])
        assert.ok(xml.includes(part), `${part} in ${xml}`)
    })

    it('name links that outlive an upgrade', async () => {
      await mkdir(join(folder, 'Cellar'))
      await mkdir(join(folder, 'bin'))
      for (const name of ['node', 'main.js']) await writeFile(join(folder, 'Cellar', name), '')
      await symlink(join(folder, 'Cellar/node'), join(folder, 'bin/node'))
      await symlink(join(folder, 'Cellar/main.js'), join(folder, 'bin/lobstah-node'))
      const env = { PATH: `/nowhere:${join(folder, 'bin')}` }
      assert.deepEqual(programCommand(env, join(folder, 'Cellar/node'), join(folder, 'Cellar/main.js')), [
        join(folder, 'bin/node'),
        join(folder, 'bin/lobstah-node')
      ])
      const own = [join(folder, 'Cellar/node'), join(folder, 'Cellar/main.js')] as const
      assert.deepEqual(programCommand({ PATH: '/nowhere' }, ...own), own)
    })
  })

  describe('with systemd', () => {
    /** A systemctl that notes its arguments, and answers as a script says. */
    async function fake(script: string): Promise<void> {
      await mkdir(join(folder, 'bin'), { recursive: true })
      for (const name of ['systemctl', 'loginctl', 'journalctl']) {
        const file = join(folder, 'bin', name)
        await writeFile(file, `#!/bin/sh\necho "${name} $*" >> "${folder}/calls"\n${script}\n`)
        await chmod(file, 0o755)
      }
    }
    const env = (): NodeJS.ProcessEnv => ({
      PATH: `${join(folder, 'bin')}:${process.env.PATH}`,
      XDG_CONFIG_HOME: join(folder, 'config')
    })
    const service = (...args: string[]): ReturnType<typeof runProcess> =>
      runProcess(['--home', join(folder, 'home'), 'service', ...args], { env: env() })
    const calls = async (): Promise<string[]> =>
      (await readFile(join(folder, 'calls'), 'utf8')).trim().split('\n')
    const ACTIVE = 'case "$*" in *is-enabled*) echo enabled;; *is-active*) echo active;; esac'

    before(function () {
      if (process.platform !== 'linux') this.skip()
    })

    it('installs, keeps the flags, and can do so again', async () => {
      await fake(ACTIVE)
      const first = await service('install', '--contribute', '--slots', '3')
      assert.equal(first.code, 0, first.stderr)
      const file = join(folder, 'config/systemd/user/lobstah-node.service')
      const unit = await readFile(file, 'utf8')
      assert.match(unit, new RegExp(`LOBSTAH_HOME=${join(folder, 'home')}`))
      const kept = JSON.parse(await readFile(join(folder, 'home/config.json'), 'utf8')) as unknown
      assert.deepEqual(kept, { contribute: true, slots: 3 })
      assert.deepEqual(await calls(), [
        'systemctl --user daemon-reload',
        'systemctl --user enable lobstah-node.service',
        'loginctl enable-linger',
        'systemctl --user restart lobstah-node.service',
        'systemctl --user show --property ExecMainStatus --value lobstah-node.service',
        'systemctl --user is-enabled lobstah-node.service',
        'systemctl --user is-active lobstah-node.service'
      ])
      assert.equal((await service('install')).code, 0)
      assert.equal(await readFile(file, 'utf8'), unit)
      assert.equal((await service('logs', '--lines', '5')).code, 0)
      assert.equal(
        (await calls()).at(-1),
        'journalctl --user --unit lobstah-node.service --lines 5 --no-pager'
      )
      assert.equal((await service('uninstall')).code, 0)
      assert.deepEqual(await readdir(join(folder, 'config/systemd/user')), [])
      assert.equal((await service('uninstall')).code, 0)
      const status = await service('status')
      assert.equal(status.code, 3)
      assert.match(status.stderr, /No service is installed\. Install it: lobstah-node service install/)
    })

    it('goes without mount namespaces where users may make none', async () => {
      await fake(`case "$*" in *ExecMainStatus*) echo 226;; esac; ${ACTIVE}`)
      assert.equal((await service('install')).code, 0)
      const unit = await readFile(join(folder, 'config/systemd/user/lobstah-node.service'), 'utf8')
      assert.doesNotMatch(unit, /Protect|PrivateTmp|ReadWritePaths/)
      assert.match(unit, /NoNewPrivileges=yes/)
    })

    it('says what to do where systemd does not run, or not for this user', async () => {
      await fake('echo "System has not been booted with systemd as init system (PID 1)." >&2; exit 1')
      assert.match((await service('install')).stderr, /was not started by systemd/)
      await fake('echo "Failed to connect to bus: No medium found" >&2; exit 1')
      assert.match((await service('install')).stderr, /log in as this user itself.*--system/)
      const { code, stderr } = await runProcess(['--home', join(folder, 'home'), 'service', 'install'], {
        env: { ...env(), PATH: '/nowhere' }
      })
      assert.match(stderr, /systemctl is not installed: .*docs\/service\.md/)
      assert.equal(code, 1)
    })
  })
})

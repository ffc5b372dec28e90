import { serviceName, type ServiceKind } from './service.ts'

/** A unit of the user's own systemd, or of the system's. */
export type SystemdScope = 'user' | 'system'

export interface UnitInit {
  kind: ServiceKind
  scope: SystemdScope
  command: readonly string[]
  /** The home folder; a system unit keeps its own in `/var/lib`. */
  home?: string
  /** Whether the unit may use mount namespaces. Where users may not, a unit that does ends with status 226. */
  mounts?: boolean
}

/** Settings that need a mount namespace. */
const MOUNTS = {
  user: ['ProtectSystem=strict', 'ProtectHome=read-only', 'PrivateTmp=yes'],
  system: [
    'ProtectSystem=strict',
    'ProtectHome=yes',
    'PrivateTmp=yes',
    'ProtectKernelTunables=yes',
    'ProtectKernelModules=yes',
    'ProtectControlGroups=yes'
  ]
} as const

/** The home folder of a system service. */
export function systemHome(kind: ServiceKind): string {
  return `/var/lib/${serviceName(kind)}`
}

/** The unit file. It never denies memory that is written and run (V8 compiles) nor, to a node, devices (GPUs). */
export function systemdUnit({ kind, scope, command, home, mounts = true }: UnitInit): string {
  const system = scope === 'system'
  const name = serviceName(kind)
  const service = [
    'Type=exec',
    ...(system
      ? [
          'DynamicUser=yes',
          `StateDirectory=${name}`,
          `Environment=LOBSTAH_HOME=${systemHome(kind)}`,
          '# Settings as LOBSTAH_* variables go here.',
          `EnvironmentFile=-/etc/${name}.env`
        ]
      : [`Environment=${quoted(`LOBSTAH_HOME=${home ?? ''}`)}`]),
    `ExecStart=${command.map(commandWord).join(' ')}`,
    'Restart=on-failure',
    'RestartSec=5',
    '# Running answers get ten seconds; the engine is stopped by the node, after them.',
    'TimeoutStopSec=20',
    'KillMode=mixed',
    ...(kind === 'node' ? ['Nice=5', 'CPUWeight=50'] : []),
    'LimitNOFILE=65536',
    '',
    ...(system && kind === 'relay'
      ? [
          '# Port 443, and nothing else that needs root.',
          'AmbientCapabilities=CAP_NET_BIND_SERVICE',
          'CapabilityBoundingSet=CAP_NET_BIND_SERVICE',
          'PrivateDevices=yes'
        ]
      : []),
    ...(system && kind === 'node' ? ['CapabilityBoundingSet='] : []),
    'NoNewPrivileges=yes',
    ...(mounts ? MOUNTS[scope] : []),
    ...(mounts && !system ? [`ReadWritePaths=${quoted(home ?? '')}`] : []),
    'RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK',
    'RestrictNamespaces=yes',
    'RestrictRealtime=yes',
    'LockPersonality=yes',
    'SystemCallFilter=@system-service'
  ]
  return [
    `# ${kind === 'relay' ? 'A lobstah-node relay' : 'A lobstah-node'} as a systemd service, as "lobstah-node service install" writes it.`,
    '[Unit]',
    `Description=lobstah-node${kind === 'relay' ? ' relay' : ''}`,
    ...(system ? ['Wants=network-online.target', 'After=network-online.target'] : []),
    '# It starts again for as long as it takes.',
    'StartLimitIntervalSec=0',
    '',
    '[Service]',
    ...service,
    '',
    '[Install]',
    `WantedBy=${system ? 'multi-user' : 'default'}.target`,
    ''
  ].join('\n')
}

/** A word of a command line, in which systemd expands variables. */
function commandWord(word: string): string {
  return quoted(word.replaceAll('$', '$$$$'))
}

/** A word of any other line: systemd expands `%`, and splits at spaces. */
function quoted(word: string): string {
  const escaped = word.replaceAll('%', '%%')
  return /[\s"'\\;]/.test(escaped) ? `"${escaped.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"` : escaped
}

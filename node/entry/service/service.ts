import type { Output } from '../output.ts'

/** The kind of service: a node, or a relay. */
export const SERVICE_KINDS = ['node', 'relay'] as const
export type ServiceKind = (typeof SERVICE_KINDS)[number]

/** The program of a service, and its folder. */
export interface ServiceSpec {
  kind: ServiceKind
  /** The program and its arguments, all with absolute paths. */
  command: string[]
  /** The home folder, which the service may write to. */
  home: string
}

/** A service as its manager sees it. */
export interface ServiceState {
  /** Such as `systemd (user)`. */
  manager: string
  installed: boolean
  /** Whether it starts by itself after a reboot or log-in. */
  enabled: boolean
  active: boolean
  /** The file that defines it. */
  file: string
}

/** The system's own service manager. Each method can be repeated without harm; all throw ServiceError. */
export interface ServiceManager {
  readonly name: string
  /** Defines the service and starts it with the system. Returns remarks for the user. */
  install(spec: ServiceSpec): Promise<string[]>
  start(): Promise<void>
  stop(): Promise<void>
  uninstall(): Promise<void>
  state(): Promise<ServiceState>
  /** Prints the last lines of the log; with `follow`, goes on until interrupted. */
  logs(lines: number, follow: boolean, output: Output): Promise<void>
}

/** The service's name with every manager. */
export function serviceName(kind: ServiceKind): string {
  return `lobstah-${kind}`
}

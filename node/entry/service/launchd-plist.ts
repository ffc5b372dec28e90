import { join } from 'node:path'
import { serviceName, type ServiceSpec } from './service.ts'
import { xmlText } from './xml-text.ts'

/** Where launchd puts what the program prints before its log is open, below the home. */
export const STDERR_LOG = join('logs', 'stderr.log')

/**
 * The property list of a LaunchAgent. `Interactive`: without it launchd slows the node's timers, and an engine that the
 * node runs inherits that.
 */
export function launchdPlist({ kind, command, home }: ServiceSpec): string {
  const entries = [
    key('Label', string(serviceName(kind))),
    key('ProgramArguments', array(command)),
    key('EnvironmentVariables', dict([key('LOBSTAH_HOME', string(home))])),
    key('RunAtLoad', '<true/>'),
    // Not plain true, which would start it again after every stop.
    key('KeepAlive', dict([key('SuccessfulExit', '<false/>')])),
    key('ThrottleInterval', integer(10)),
    key('ExitTimeOut', integer(20)),
    key('ProcessType', string('Interactive')),
    key('LowPriorityIO', '<true/>'),
    key('SoftResourceLimits', dict([key('NumberOfFiles', integer(10_240))])),
    key('Umask', integer(0o077)),
    key('StandardOutPath', string('/dev/null')),
    key('StandardErrorPath', string(join(home, STDERR_LOG)))
  ]
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
${dict(entries)}
</plist>
`
}

function key(name: string, value: string): string {
  return `<key>${xmlText(name)}</key>${value}`
}

function string(value: string): string {
  return `<string>${xmlText(value)}</string>`
}

function integer(value: number): string {
  return `<integer>${value}</integer>`
}

function array(values: readonly string[]): string {
  return `<array>${values.map(string).join('')}</array>`
}

function dict(entries: readonly string[]): string {
  return `<dict>\n${entries.map((entry) => `  ${entry.replaceAll('\n', '\n  ')}\n`).join('')}</dict>`
}

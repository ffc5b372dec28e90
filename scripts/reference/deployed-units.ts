import { systemdUnit } from '../../node/entry/service/systemd-unit.ts'
import { SERVICE_KINDS } from '../../node/entry/service/service.ts'

/** The files of `deploy/` that `lobstah-node service install --system` would write, by name. */
export function deployedUnits(): Record<string, string> {
  return Object.fromEntries(
    SERVICE_KINDS.map((kind) => {
      const command = ['/usr/bin/env', 'lobstah-node', ...(kind === 'relay' ? ['relay'] : [])]
      return [`lobstah-${kind}.service`, systemdUnit({ kind, scope: 'system', command })]
    })
  )
}

import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Reading } from './reading.ts'
import { because, isMissing } from './runner.ts'

/** One of the kernel's power supplies: https://docs.kernel.org/power/power_supply_class.html */
interface Supply {
  type: string
  scope: string
  online: string
  status: string
}

/** Whether the machine runs on mains or battery, by the kernel's power supplies. */
export async function readLinuxPower(root: string): Promise<Reading<'mains' | 'battery'>> {
  const folder = join(root, 'sys/class/power_supply')
  try {
    const names = await readdir(folder)
    return judge(await Promise.all(names.map((name) => readSupply(join(folder, name)))))
  } catch (err) {
    // A kernel without power supplies knows of no battery.
    return isMissing(err) ? { known: true, value: 'mains' } : { known: false, detail: because(err) }
  }
}

/** Batteries of mice and headsets have the scope Device, and say nothing about the machine. */
function judge(all: Supply[]): Reading<'mains' | 'battery'> {
  const supplies = all.filter(({ scope }) => scope !== 'Device')
  const stored = supplies.filter(({ type }) => type === 'Battery' || type === 'UPS')
  const lines = supplies.filter(({ type }) => type !== 'Battery' && type !== 'UPS')
  if (stored.length === 0 || lines.some(({ online }) => online !== '' && online !== '0'))
    return { known: true, value: 'mains' }
  if (stored.some(({ status }) => status === 'Discharging')) return { known: true, value: 'battery' }
  const fed = stored.every(({ status }) => ['Charging', 'Full', 'Not charging'].includes(status))
  return fed ? { known: true, value: 'mains' } : { known: false, detail: 'its battery does not say' }
}

async function readSupply(folder: string): Promise<Supply> {
  const field = async (name: string): Promise<string> => {
    try {
      return (await readFile(join(folder, name), 'utf8')).trim()
    } catch {
      return ''
    }
  }
  const [type, scope, online, status] = await Promise.all(
    (['type', 'scope', 'online', 'status'] as const).map(field)
  )
  return { type: type ?? '', scope: scope ?? '', online: online ?? '', status: status ?? '' }
}

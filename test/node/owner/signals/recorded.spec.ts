import assert from 'node:assert/strict'
import {
  darwinSignals,
  parseAccelerators,
  parseHidIdle,
  parsePmset
} from '../../../../node/owner/signals/darwin.ts'
import { signalSource } from '../../../../node/owner/signals/index.ts'
import { parseWindows } from '../../../../node/owner/signals/windows.ts'

const PMSET_BATTERY = `Now drawing from 'Battery Power'
 -InternalBattery-0 (id=23003235)\t87%; discharging; 5:12 remaining present: true`
const PMSET_MAINS = `Now drawing from 'AC Power'`
const IOREG = `+-o Root  <class IORegistryEntry, id 0x100000100, retain 40>
  +-o IOHIDSystem  <class IOHIDSystem, id 0x1000003b5, registered, matched, active, busy 0 (0 ms), retain 27>
    | {
    |   "HIDIdleTime" = 4180633708
    |   "HIDParameters" = {"HIDIdleTime"=9180633708}
    | }`
const ACCELERATOR = `+-o AGXAcceleratorG13X  <class AGXAcceleratorG13X, id 0x100000468, registered>
    {
      "PerformanceStatistics" = {"In use system memory"=123,"Tiler Utilization %"=7,"Renderer Utilization %"=36,"Device Utilization %"=41}
    }`

describe('node/owner/signals/darwin', () => {
  const { signal } = new AbortController()

  it('reads recorded outputs', () => {
    assert.equal(parsePmset(PMSET_BATTERY), 'battery')
    assert.equal(parsePmset(PMSET_MAINS), 'mains')
    assert.equal(parsePmset("Now drawing from 'UPS Power'"), 'battery')
    assert.equal(parsePmset(''), undefined)
    assert.equal(parseHidIdle(IOREG), 4180.633708)
    assert.equal(parseHidIdle(''), undefined)
    assert.equal(parseAccelerators(ACCELERATOR), 41)
    assert.equal(parseAccelerators(''), 'no_gpu')
  })

  it('tells what it cannot read, and counts no load of its own', async () => {
    const outputs: Record<string, string> = { pmset: PMSET_MAINS }
    const run = async (file: string): Promise<string> => {
      const output = outputs[file]
      if (output === undefined) throw new Error(`${file} failed`)
      return output
    }
    const { power, input, gpu } = await darwinSignals(run).read({ busy: true, signal })
    assert.deepEqual(power, { known: true, value: 'mains' })
    assert.deepEqual(input, { known: false, detail: 'ioreg failed' })
    assert.equal(gpu.known, false)
  })
})

describe('node/owner/signals/windows', () => {
  it('reads what PowerShell says', () => {
    assert.deepEqual(parseWindows('idle=61000 session=1 power=Online\r').input, {
      known: true,
      value: 61_000
    })
    assert.deepEqual(parseWindows('idle=61000 session=1 power=Offline').power, {
      known: true,
      value: 'battery'
    })
    assert.equal(parseWindows('idle=61000 session=1 power=Unknown').power.known, false)
  })

  it('takes no input for seen in the session of services', () => {
    assert.equal(parseWindows('idle=99999999 session=0 power=Online').input.known, false)
    assert.equal(parseWindows('Access denied').input.known, false)
  })
})

describe('node/owner/signals', () => {
  it('knows nothing of other platforms', async () => {
    const { signal } = new AbortController()
    const { power, input, gpu } = await signalSource({ platform: 'freebsd', env: {} }).read({
      busy: false,
      signal
    })
    for (const reading of [power, input, gpu]) assert.equal(reading.known, false)
  })
})

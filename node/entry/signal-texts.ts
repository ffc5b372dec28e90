import type { Signals } from '../owner/index.ts'

/** Describes the known signs of the owner's use of the machine, and the unknown ones. */
export function signalTexts({ power, input, gpu }: Signals): Record<keyof Signals, string> {
  return {
    power: power.known ? `on ${power.value}` : `unknown whether on battery: ${power.detail}`,
    input: !input.known
      ? `unknown when it was used last: ${input.detail}`
      : input.value === 'no_desktop'
        ? 'no desktop is found on this machine, so that no input can be seen'
        : `last input ${Math.round(input.value / 1000)} s ago`,
    gpu: !gpu.known
      ? `unknown who uses the graphics processor: ${gpu.detail}`
      : gpu.value === 'no_gpu'
        ? 'no graphics processor whose load can be read'
        : `other programs use ${Math.round(gpu.value)} % of the graphics processor`
  }
}

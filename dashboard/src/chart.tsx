import type { JSX } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'

/** One row of bars. */
export interface Series {
  name: string
  /** The name of a colour of the style sheet. */
  colour: string
  values: (number | null)[]
}

const HEIGHT = 190

/** Bars over time, with a description for those who do not see them. */
export function Chart({
  label,
  times,
  series,
  unit,
  format
}: {
  label: string
  /** Milliseconds since 1970. */
  times: number[]
  series: Series[]
  unit: string
  format: (value: number) => string
}): JSX.Element {
  const ref = useRef<HTMLDivElement>(null)
  const data = JSON.stringify([times, series])
  useEffect(() => {
    const place = ref.current
    if (place === null) return
    const colour = (name: string): string => getComputedStyle(place).getPropertyValue(`--${name}`) || '#888'
    const axis = {
      stroke: resolve(colour('soft'), place),
      grid: { stroke: resolve(colour('line'), place), width: 1 }
    }
    const plot = new uPlot(
      {
        width: Math.max(200, place.clientWidth),
        height: HEIGHT,
        cursor: { drag: { x: false, y: false } },
        legend: { show: false },
        scales: { x: { time: true }, y: { range: (_plot, _low, high) => [0, Math.max(1, high * 1.1)] } },
        axes: [
          { ...axis, grid: { show: false } },
          { ...axis, size: 56, values: (_plot, values) => values.map((value) => format(value)) }
        ],
        series: [
          {},
          ...series.map((each, at) => ({
            label: each.name,
            stroke: resolve(colour(each.colour), place),
            fill: resolve(colour(each.colour), place),
            width: 1,
            points: { show: false },
            paths: (uPlot.paths.bars?.({ size: [0.38, 28], align: at === 0 ? -1 : 1 }) ??
              null) as uPlot.Series.PathBuilder
          }))
        ]
      },
      [
        times.map((time) => time / 1000),
        // Nothing is drawn where there was nothing.
        ...series.map(({ values }) => values.map((value) => (value === 0 ? null : value)))
      ],
      place
    )
    const observer = new ResizeObserver(() =>
      plot.setSize({ width: Math.max(200, place.clientWidth), height: HEIGHT })
    )
    observer.observe(place)
    return () => {
      observer.disconnect()
      plot.destroy()
    }
  }, [data])
  const sums = series.map(
    ({ name, values }) => `${name} ${format(values.reduce<number>((all, value) => all + (value ?? 0), 0))}`
  )
  return (
    <figure class="chart">
      <figcaption>
        {label}
        <ul class="keys">
          {series.map(({ name, colour }) => (
            <li key={name} class={`key-${colour}`}>
              {name}
            </li>
          ))}
        </ul>
      </figcaption>
      <div ref={ref} role="img" aria-label={`${label}: ${sums.join(', ')} ${unit}`} />
    </figure>
  )
}

/** A colour as a canvas takes it: it does not know light-dark(). */
function resolve(colour: string, place: HTMLElement): string {
  const probe = document.createElement('span')
  probe.style.color = colour
  place.append(probe)
  const resolved = getComputedStyle(probe).color
  probe.remove()
  return resolved
}

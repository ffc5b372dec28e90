import {
  forceCollide,
  forceLink,
  forceManyBody,
  forceSimulation,
  forceX,
  forceY,
  type SimulationNodeDatum
} from 'd3-force'

/** A peer in the picture. */
export interface Spot extends SimulationNodeDatum {
  id: string
}

/** A line between two spots. */
export interface Line {
  source: string
  target: string
}

/** Steps of the layout: always as many, so that the same mesh gives the same picture. */
const STEPS = 220

/** Room that each spot keeps around itself, in pixels. */
const ROOM = 46
const MARGIN = 34

/** Places spots in a picture. The own node, the first, stays in the middle. */
export function layout(
  ids: readonly string[],
  lines: readonly Line[],
  size: { width: number; height: number }
): Map<string, { x: number; y: number }> {
  const middle = { x: size.width / 2, y: size.height / 2 }
  const spots: Spot[] = ids.map((id, at) => {
    // Half a step off the axes, so that names beside one another do not touch.
    const angle = ((at - 0.5) / Math.max(1, ids.length - 1)) * 2 * Math.PI
    const start = { x: middle.x + Math.cos(angle) * 120, y: middle.y + Math.sin(angle) * 90 }
    return { id, ...(at === 0 ? { ...middle, fx: middle.x, fy: middle.y } : start) }
  })
  const known = new Set(ids)
  const simulation = forceSimulation(spots)
    .force(
      'link',
      forceLink<Spot, { source: string | Spot; target: string | Spot }>(
        lines
          .filter(({ source, target }) => known.has(source) && known.has(target))
          .map((line) => ({ ...line }))
      )
        .id(({ id }) => id)
        .distance(Math.min(size.width, size.height) / 2.5)
    )
    .force('charge', forceManyBody().strength(-900))
    .force('room', forceCollide(ROOM))
    .force('x', forceX(middle.x).strength(0.05 * Math.min(1.5, size.height / size.width)))
    .force('y', forceY(middle.y).strength(0.05 * Math.max(1, size.width / size.height)))
    .stop()
  simulation.tick(STEPS)
  const within = (value: number | undefined, length: number): number =>
    Math.max(MARGIN, Math.min(length - MARGIN, value ?? length / 2))
  return new Map(
    spots.map(({ id, x, y }) => [id, { x: within(x, size.width), y: within(y, size.height - 14) }])
  )
}

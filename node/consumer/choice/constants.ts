import type { Relation } from './judged.ts'

/** Round trip of a path that was never measured, in milliseconds: between two homes, and over a relay. */
export const USUAL_ROUND_TRIP_MS = { local: 0, direct: 30, relayed: 90 } as const

/** Round trips from the order to the first token: one opens the stream, one carries order and answer. */
export const ROUND_TRIPS = 2

/** Bytes a second at which an engine loads a model: from a fast disk, over the bus of a graphics card. */
export const LOAD_BYTES_PER_SECOND = 1e9

/** Bytes of weights for each parameter, where the size is not told: four bits, and what comes with them. */
export const BYTES_PER_PARAMETER = 0.6

/** What loading takes besides reading the weights, in milliseconds. */
export const LOAD_START_MS = 1500

/** Tokens of an answer, where its request sets no limit and none was seen: some paragraphs. */
export const USUAL_ANSWER_TOKENS = 256

/** How much the latest answer counts in the usual length of a model's answers. */
export const LATEST_ANSWER = 0.7

/** Tokens of the prompts of others that wait before this one. */
export const USUAL_PROMPT_TOKENS = 500

/** What a peer is taken to lose of requests before it has answered any: one in fifty; it weighs as much as one answer. */
export const USUAL_FAILURE_RATE = 0.02

/** What one failure costs: the silence until it is noticed, in milliseconds, and a part of the time that the answer takes. */
export const FAILURE_MS = 3000
export const FAILURE_PART = 0.5

/**
 * What a second counts with peers of each relation. The own engine is private and free: another has to be four times as
 * fast. A friend is known by name, and a creditor has answered before.
 */
export const RELATION_FACTOR: Record<Relation, number> = {
  own: 0.25,
  friend: 0.8,
  creditor: 0.9,
  member: 1,
  stranger: 1.1
}

/** How many times slower a dear peer counts, at most: one that costs twice as much must be twice as fast. */
export const MAX_DEARNESS = 4

/** Candidates within this of the best score are as good: of two of them, taken at random, the better is asked. */
export const GOOD_FACTOR = 1.05

/** The same in milliseconds, for scores so small that a factor is noise. */
export const GOOD_MS = 20

/** The part of requests by which unknown peers are measured while none is known. */
export const EXPLORED_PART = 0.2

/** The same while no peer is known that answers fast. */
export const EXPLORED_PART_IN_NEED = 0.8

/** Known peers from which on fewer requests explore: the best of 16 is among the best of any number. */
export const ENOUGH_KNOWN = 16

/** What is left of that part from then on: 98 in 100 requests go where it is known to be fast. */
export const LEAST_EXPLORED = 0.1

/** How much longer a full engine writes at each answer than one with nothing else to do. */
export const SHARED_SLOWDOWN = 0.25

/** Recent answers from which on a peer's pace is known. */
export const KNOWN_EVIDENCE = 0.5

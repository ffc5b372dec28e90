import { EngineFailedError } from '../../../protocols/errors.ts'
import type { ToolCallDelta } from '../../../protocols/inference/index.ts'
import { newToolCallId } from '../tool-call-id.ts'
import type { ToolCallPiece } from './chunks.ts'
import { SERVER } from './errors.ts'

/** Most tool calls in one answer. */
const MAX_CALLS = 128
/** Longest id or name, in characters. */
const MAX_NAME_LENGTH = 256

/** Arguments that say nothing. Servers also send them ahead of the real ones. */
const EMPTY = /^\s*(?:\{\s*\}|null|"")?\s*$/

/** A tool call as far as it has come. */
interface Call {
  /** Its place among the calls of the answer. */
  index: number
  id: string
  /** The server's id, which it may have given to another call as well. */
  serverId: string
  name: string
  /** All of the arguments so far. */
  arguments: string
  /** Whether the name has gone out. */
  announced: boolean
  /** How much of the arguments has gone out, in characters. */
  sent: number
}

/**
 * Puts tool calls together from the pieces of a stream. Servers leave out ids and indexes, give all calls the same
 * one, repeat names with every piece, or cut them: calls are told apart by whatever does differ.
 */
export class ToolCalls {
  readonly #tools: ReadonlySet<string>
  readonly #calls: Call[] = []
  /** The latest call under each index of the server's. */
  readonly #slots = new Map<number, Call>()
  #lastSlot = 0

  /** `tools`: the names that may be called; they tell a new call from the rest of a name. */
  constructor(tools: Iterable<string> = []) {
    this.#tools = new Set(tools)
  }

  get count(): number {
    return this.#calls.length
  }

  /** Takes the calls of one event; returns what can be passed on. */
  add(pieces: ToolCallPiece[]): ToolCallDelta[] {
    return pieces.flatMap((piece, place) => {
      // Without an index, a lone piece goes on with the latest call, and several go by their order.
      const slot = piece.index ?? (pieces.length > 1 ? place : this.#lastSlot)
      this.#lastSlot = slot
      return this.#add(piece, slot)
    })
  }

  /**
   * Returns the calls that were held back, at the end of the answer. A call without arguments gets `{}`, unless the answer was cut
   * short. Throws EngineFailedError for a call without a name.
   */
  end(cutShort: boolean): ToolCallDelta[] {
    return this.#calls.flatMap((call) => {
      if (call.name === '') throw new EngineFailedError(`${SERVER} sent a tool call without a name`)
      const announced = this.#announce(call)
      if (call.sent === 0) {
        if (EMPTY.test(call.arguments)) call.arguments = cutShort ? '' : '{}'
        else call.arguments = unwrapped(call.arguments)
      }
      return merged(announced, this.#send(call))
    })
  }

  #add(piece: ToolCallPiece, slot: number): ToolCallDelta[] {
    const known = this.#find(piece, slot)
    if (known !== undefined) {
      this.#extend(known, piece)
      return this.#ready(known)
    }
    if (this.#calls.length === MAX_CALLS) {
      throw new EngineFailedError(`${SERVER} sent more than ${MAX_CALLS} tool calls`)
    }
    // Calls go out in their order: the earlier ones are named before this one is.
    const earlier = this.#calls.flatMap((call) => (call.name === '' ? [] : this.#announce(call)))
    const call: Call = {
      index: this.#calls.length,
      id: '',
      serverId: '',
      name: '',
      arguments: '',
      announced: false,
      sent: 0
    }
    this.#calls.push(call)
    this.#slots.set(slot, call)
    this.#extend(call, piece)
    return [...earlier, ...this.#ready(call)]
  }

  /** The call that a piece belongs to, if it has begun. */
  #find(piece: ToolCallPiece, slot: number): Call | undefined {
    const byId = piece.id === '' ? undefined : this.#calls.findLast(({ serverId }) => serverId === piece.id)
    const known = byId ?? this.#slots.get(slot)
    if (known === undefined || known.name === '' || piece.name === '') return known
    if (byId !== undefined && repeats(byId, piece)) return known
    return this.#begins(known, piece) ? undefined : known
  }

  /** Whether a piece with a name begins a call of its own, and does not go on with the one before. */
  #begins(known: Call, piece: ToolCallPiece): boolean {
    const anotherId = piece.id !== '' && known.serverId !== '' && piece.id !== known.serverId
    if (known.arguments === '') {
      if (anotherId) return true
      // Nothing but names so far: the next piece of the name, the name again, or the call after one without arguments.
      if (piece.name === known.name || this.#tools.has(known.name + piece.name)) return false
      return this.#tools.has(known.name)
    }
    if (isWhole(known.arguments)) return true
    return piece.name !== known.name
  }

  #extend(call: Call, piece: ToolCallPiece): void {
    if (!call.announced) {
      if (call.serverId === '') call.serverId = piece.id
      if (piece.name !== '' && piece.name !== call.name) call.name = joinedName(call.name, piece.name)
      if (call.name.length > MAX_NAME_LENGTH) {
        throw new EngineFailedError(`${SERVER} sent the name of a tool that is too long`)
      }
    }
    if (piece.arguments === '' || repeats(call, piece)) return
    // Text sent ahead of the real arguments is not part of them.
    if (call.sent === 0 && EMPTY.test(call.arguments)) call.arguments = piece.arguments
    else call.arguments += piece.arguments
  }

  /** The part of a call that can be sent now. */
  #ready(call: Call): ToolCallDelta[] {
    if (call.name === '') return []
    // A text in quotation marks is JSON within JSON, which is unwrapped when it is whole.
    if (call.sent === 0 && (EMPTY.test(call.arguments) || call.arguments.trimStart().startsWith('"')))
      return []
    return merged(this.#announce(call), this.#send(call))
  }

  #announce(call: Call): ToolCallDelta[] {
    if (call.announced) return []
    call.announced = true
    // An id that another call has already would join the two.
    const taken = this.#calls.some(({ id }) => id === call.serverId)
    const usable = call.serverId !== '' && call.serverId.length <= MAX_NAME_LENGTH && !taken
    call.id = usable ? call.serverId : newToolCallId()
    return [{ index: call.index, id: call.id, name: call.name }]
  }

  #send(call: Call): ToolCallDelta[] {
    const text = call.arguments.slice(call.sent)
    if (text === '') return []
    call.sent = call.arguments.length
    return [{ index: call.index, arguments: text }]
  }
}

/** Whether a piece says the whole call again. */
function repeats(call: Call, piece: ToolCallPiece): boolean {
  return (
    piece.id !== '' &&
    piece.id === call.serverId &&
    piece.name === call.name &&
    (piece.arguments === '' || (piece.arguments === call.arguments && isWhole(call.arguments)))
  )
}

function joinedName(known: string, piece: string): string {
  // Some servers send the name as far as it has come.
  return piece.startsWith(known) ? piece : known + piece
}

function isWhole(text: string): boolean {
  return text.trimEnd().endsWith('}') && isObject(parsed(text))
}

/** Arguments whose JSON was put into a JSON string once more. */
function unwrapped(text: string): string {
  const inner = parsed(text)
  return typeof inner === 'string' && isObject(parsed(inner)) ? inner : text
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function merged(named: ToolCallDelta[], sent: ToolCallDelta[]): ToolCallDelta[] {
  const [head] = named
  const [rest] = sent
  return head !== undefined && rest !== undefined
    ? [{ ...head, arguments: rest.arguments }]
    : [...named, ...sent]
}

import { createInterface, type Interface } from 'node:readline'
import type { Config } from '../../config/index.ts'
import { CommandError, EXIT } from '../errors.ts'
import { GatewayClient } from '../gateway-client.ts'
import type { Output } from '../output.ts'
import { askWith, firstModel, served, type ChatOptions, type Message } from './chat.ts'
import { modelList } from './status.ts'

const HELP = [
  '/model [name]   list the models, or go on with another',
  '/system <text>  set the system message',
  '/new            forget the conversation',
  '/help           this list',
  '/exit           leave, as Ctrl-D does; Ctrl-C stops an answer'
].join('\n')

/** Talks with the running node until Ctrl-D. Throws CommandError where there is no terminal to talk in. */
export async function conversation(config: Config, options: ChatOptions, output: Output): Promise<void> {
  if (output.json || !process.stdin.isTTY || !process.stdout.isTTY)
    throw new CommandError(
      'There is no question: give one, such as lobstah-node chat "What is a mesh?", or - to read it from stdin',
      EXIT.usage
    )
  const client = await GatewayClient.of(config)
  const model = options.model ?? (await firstModel(client))
  const lines = createInterface({ input: process.stdin, output: process.stdout, prompt: '> ' })
  try {
    output.note(`${model}. /help lists what you can do; Ctrl-D leaves.`)
    await new Conversation(client, { ...options, model }, lines, output).run()
  } finally {
    lines.close()
  }
}

/** A conversation in a terminal. */
class Conversation {
  readonly #client: GatewayClient
  readonly #lines: Interface
  readonly #output: Output
  #options: ChatOptions & { model: string }
  #messages: Message[] = []
  #answering: AbortController | undefined

  constructor(
    client: GatewayClient,
    options: ChatOptions & { model: string },
    lines: Interface,
    output: Output
  ) {
    this.#client = client
    this.#options = options
    this.#lines = lines
    this.#output = output
  }

  async run(): Promise<void> {
    this.#lines.on('SIGINT', () => this.#interrupt())
    this.#lines.on('close', () => this.#answering?.abort())
    this.#lines.prompt()
    for await (const line of this.#lines) {
      const text = line.trim()
      if (text === '/exit' || text === '/quit') return
      if (text.startsWith('/')) await this.#failing(() => this.#command(text))
      else if (text !== '') await this.#failing(() => this.#ask(text))
      this.#lines.prompt()
    }
    this.#output.piece('\n')
  }

  /** Ctrl-C: stops the answer; between answers it empties the line. */
  #interrupt(): void {
    if (this.#answering !== undefined) {
      this.#answering.abort()
      return
    }
    this.#output.piece('\n')
    this.#output.note('Ctrl-D leaves.')
    // Removes what was typed so far.
    this.#lines.write(null, { ctrl: true, name: 'u' })
    this.#lines.prompt()
  }

  async #ask(text: string): Promise<void> {
    const abort = (this.#answering = new AbortController())
    const { system } = this.#options
    const before: Message[] = system === undefined ? [] : [{ role: 'system', content: system }]
    const asked: Message[] = [...this.#messages, { role: 'user', content: text }]
    let answer = ''
    try {
      const result = await askWith(
        this.#client,
        [...before, ...asked],
        this.#options,
        abort.signal,
        (piece) => {
          answer += piece
          this.#output.piece(piece)
        }
      )
      this.#output.piece('\n')
      this.#output.note(served(result))
    } catch (err) {
      this.#output.piece('\n')
      if (!abort.signal.aborted) throw err
      this.#output.note('(stopped)')
    } finally {
      this.#answering = undefined
      // Part of an answer is part of the conversation; a question without any can be asked again.
      if (answer !== '') this.#messages = [...asked, { role: 'assistant', content: answer }]
    }
  }

  async #command(text: string): Promise<void> {
    const [, name = '', rest = ''] = /^\/(\S*)\s*(.*)$/s.exec(text) ?? []
    switch (name) {
      case 'model':
      case 'models':
        return this.#model(rest)
      case 'system':
        this.#options = { ...this.#options, ...(rest === '' ? {} : { system: rest }) }
        if (rest === '') delete this.#options.system
        return this.#output.note(rest === '' ? 'No system message.' : 'The system message is set.')
      case 'new':
        this.#messages = []
        return this.#output.note('A new conversation.')
      case 'help':
        return this.#output.note(HELP)
      default:
        return this.#output.note(`There is no /${name}.\n${HELP}`)
    }
  }

  /** The gateway knows names that its list does not have, such as aliases: it is the judge of them. */
  async #model(name: string): Promise<void> {
    if (name !== '') {
      this.#options = { ...this.#options, model: name }
      return this.#output.note(`${name} answers from now on.`)
    }
    const { data } = await this.#client.get('/v1/models', modelList)
    const chatting = data.filter(({ lobstah }) => lobstah.capabilities.includes('chat'))
    const current = this.#options.model
    this.#output.note(chatting.map(({ id }) => `${id === current ? '*' : ' '} ${id}`).join('\n'))
  }

  /** Reports a failure, and goes on with the conversation. */
  async #failing(act: () => Promise<void>): Promise<void> {
    try {
      await act()
    } catch (err) {
      if (!(err instanceof CommandError)) throw err
      this.#output.note(err.message)
    }
  }
}

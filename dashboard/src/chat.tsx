import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useRef } from 'preact/hooks'
import type { DashboardState } from '../../http-gateway/dashboard/state.ts'
import { converse, type Answer, type Message } from './chat-stream.ts'
import { amount, credits, duration, nameOf, speed } from './format.ts'
import { Markdown } from './markdown.tsx'
import { Card } from './parts.tsx'

interface Turn {
  question: string
  answer?: Answer
  failure?: string
  running: boolean
}

/** A box to try a model in. */
export function Chat({ now }: { now: DashboardState }): JSX.Element {
  const models = now.models.filter(({ capabilities }) => capabilities.includes('chat'))
  const model = useSignal('')
  const question = useSignal('')
  const turns = useSignal<Turn[]>([])
  const stopping = useRef<AbortController | undefined>(undefined)
  const chosen = models.some(({ id }) => id === model.value) ? model.value : (models[0]?.id ?? '')
  const running = turns.value.some((turn) => turn.running)

  const put = (at: number, change: Partial<Turn>): void => {
    turns.value = turns.value.map((turn, each) => (each === at ? { ...turn, ...change } : turn))
  }

  const answer = async (at: number): Promise<void> => {
    const controller = new AbortController()
    stopping.current = controller
    const messages: Message[] = turns.value
      .slice(0, at + 1)
      .flatMap((turn, each): Message[] => [
        { role: 'user', content: turn.question },
        ...(each < at && turn.answer !== undefined
          ? [{ role: 'assistant' as const, content: turn.answer.text }]
          : [])
      ])
    try {
      const whole = await converse(chosen, messages, controller.signal, (part) => put(at, { answer: part }))
      put(at, { answer: whole, running: false })
    } catch (err) {
      const failure = controller.signal.aborted
        ? 'Stopped.'
        : err instanceof Error
          ? err.message
          : String(err)
      put(at, { failure, running: false })
    }
  }

  const send = (): void => {
    const text = question.value.trim()
    if (text === '' || chosen === '' || running) return
    question.value = ''
    turns.value = [...turns.value, { question: text, running: true }]
    void answer(turns.value.length - 1)
  }

  const regenerate = (at: number): void => {
    const turn = turns.value[at]
    if (turn === undefined || running) return
    turns.value = [...turns.value.slice(0, at), { question: turn.question, running: true }]
    void answer(at)
  }

  return (
    <Card
      title="Try a model"
      aside={
        turns.value.length === 0 ? null : (
          <button type="button" class="small" disabled={running} onClick={() => (turns.value = [])}>
            New conversation
          </button>
        )
      }
    >
      {models.length === 0 ? (
        <p class="soft">Nobody serves a model that can chat yet.</p>
      ) : (
        <>
          <ol class="chat" aria-label="Conversation">
            {turns.value.map((turn, at) => (
              <TurnView key={at} turn={turn} running={running} onRegenerate={() => regenerate(at)} />
            ))}
          </ol>
          <form
            class="ask"
            onSubmit={(event) => {
              event.preventDefault()
              send()
            }}
          >
            <div class="field">
              <label for="chat-model">Model</label>
              <select
                id="chat-model"
                value={chosen}
                onChange={(event) => (model.value = event.currentTarget.value)}
              >
                {models.map(({ id }) => (
                  <option key={id} value={id}>
                    {id}
                  </option>
                ))}
              </select>
            </div>
            <div class="field grow">
              <label for="chat-question">Question</label>
              <textarea
                id="chat-question"
                rows={2}
                value={question.value}
                placeholder="Ask something. Enter sends, Shift and Enter make a new line."
                onInput={(event) => (question.value = event.currentTarget.value)}
                onKeyDown={(event) => {
                  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
                  event.preventDefault()
                  send()
                }}
              />
            </div>
            {running ? (
              <button type="button" class="danger" onClick={() => stopping.current?.abort()}>
                Stop answer
              </button>
            ) : (
              <button type="submit" class="main">
                Send
              </button>
            )}
          </form>
        </>
      )}
    </Card>
  )
}

function TurnView({
  turn,
  running,
  onRegenerate
}: {
  turn: Turn
  running: boolean
  onRegenerate: () => void
}): JSX.Element {
  const { answer } = turn
  return (
    <li>
      <p class="question">{turn.question}</p>
      <div class="answer" aria-busy={turn.running}>
        {answer?.thinking === undefined || answer.thinking === '' ? null : (
          <details>
            <summary>Thoughts</summary>
            <p class="plain">{answer.thinking}</p>
          </details>
        )}
        {answer === undefined ? (
          turn.running ? (
            <p class="soft">Waiting for the first token …</p>
          ) : null
        ) : (
          <Markdown text={answer.text} />
        )}
        {turn.failure === undefined ? null : (
          <p role="alert" class={turn.failure === 'Stopped.' ? 'soft' : 'bad'}>
            {turn.failure}
          </p>
        )}
      </div>
      {answer === undefined ? null : <Route answer={answer} />}
      {turn.running ? null : (
        <button type="button" class="small" disabled={running} onClick={onRegenerate}>
          Regenerate
        </button>
      )}
    </li>
  )
}

function Route({ answer }: { answer: Answer }): JSX.Element {
  const { peers, route, why, usage, receipts, firstTokenMs } = answer
  const tokens = usage?.completion_tokens ?? 0
  const facts = [
    peers.length === 0
      ? ''
      : `by ${peers.map(nameOf).join(', then ')} (${why === '' ? route : `${route}, ${why}`})`,
    usage === undefined ? '' : `${amount(usage.prompt_tokens)} + ${amount(tokens)} tokens`,
    firstTokenMs === undefined ? '' : `first after ${duration(firstTokenMs)}`,
    firstTokenMs === undefined ? '' : speed(tokens, answer.totalMs - firstTokenMs)
  ].filter((fact) => fact !== '')
  return (
    <div class="soft route">
      <p>{facts.join(' · ')}</p>
      {receipts.length === 0 ? (
        route === 'local' && usage !== undefined ? (
          <p>Own engine: no receipt.</p>
        ) : null
      ) : (
        <details>
          <summary>
            Receipt: {credits(receipts.reduce((sum, receipt) => sum + receipt.credits, 0))} credits
          </summary>
          <pre tabIndex={0}>
            {JSON.stringify(
              receipts.map(({ record }) => record),
              null,
              2
            )}
          </pre>
        </details>
      )}
    </div>
  )
}

/**
 * The typed conversation between the supervisor and its children (Node's fork channel underneath) and, relayed
 * by the supervisor, among children. Requests are answered; notices are not. A child without a supervisor
 * (tests, `millrace serve` on its own) gets `lonelyChannel`.
 */
export type Message = {
  /** What it is about: `gate`, `snapshot`, `drain`, `ready`, `metrics`, `reload-tls` … */
  topic: string
  /** For a request: its number at the sender; the answer carries the same. */
  request?: number
  answer?: number
  /** Relay: process name (`core`, `ingest-0`) or role (`ingest`); absent = the supervisor itself. */
  to?: string
  from?: string
  body?: unknown
  error?: string
}

export type Channel = {
  /** Tells the supervisor, or through it another process or every process of a role. */
  notify(topic: string, body?: unknown, to?: string): void
  /** Asks and waits; rejects after `timeoutMs`. To a role: resolves with the answers of all its processes. */
  ask(topic: string, body: unknown, options: { to?: string; timeoutMs: number }): Promise<unknown>
  /** Registers the handler of a topic; what it returns (or resolves to) is the answer to a request. */
  on(topic: string, handler: (body: unknown, from: string) => unknown): void
  /** Called once when the other side has gone: children end themselves. */
  onClose(handler: () => void): void
}

/** A channel to nobody: notices vanish, questions answer undefined. */
export const lonelyChannel: Channel = {
  notify: () => undefined,
  ask: async () => undefined,
  on: () => undefined,
  onClose: () => undefined,
}

/** Structural view of the ends of a fork channel: `process` in a child. */
export type Port = {
  send?: (message: Message, done: (error: Error | null) => void) => boolean | undefined
  on(event: 'message', listener: (message: unknown) => void): unknown
  on(event: 'disconnect', listener: () => void): unknown
}

/** The child's end of the fork channel. Messages that are not ours are ignored. */
export function channelOn(port: Port): Channel {
  const handlers = new Map<string, (body: unknown, from: string) => unknown>()
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>()
  const closers: (() => void)[] = []
  let lastRequest = 0

  const send = (message: Message) => {
    // A supervisor that died a moment ago: `disconnect` follows, and says it to everybody. Without a callback it would be an
    // uncaught error, and the process would end in the midst of its work instead of draining.
    port.send?.(message, () => undefined)
  }
  const respond = async (message: Message) => {
    const handler = handlers.get(message.topic)
    try {
      const body = await handler?.(message.body, message.from ?? 'supervisor')
      if (message.request !== undefined)
        send({ topic: message.topic, answer: message.request, to: message.from, body })
    } catch (error) {
      if (message.request === undefined) throw error
      send({ topic: message.topic, answer: message.request, to: message.from, error: String(error) })
    }
  }

  port.on('message', (raw) => {
    const message = raw as Message
    if (typeof message?.topic !== 'string') return
    if (message.answer === undefined) return void respond(message)
    const caller = waiting.get(message.answer)
    waiting.delete(message.answer)
    if (message.error === undefined) caller?.resolve(message.body)
    else caller?.reject(new Error(message.error))
  })
  port.on('disconnect', () => {
    for (const caller of waiting.values()) caller.reject(new Error('the supervisor has gone'))
    waiting.clear()
    for (const close of closers) close()
  })

  return {
    notify: (topic, body, to) => send({ topic, body, to }),
    on: (topic, handler) => void handlers.set(topic, handler),
    onClose: (handler) => void closers.push(handler),
    ask: (topic, body, { to, timeoutMs }) =>
      new Promise((resolve, reject) => {
        const request = ++lastRequest
        const timer = setTimeout(() => {
          waiting.delete(request)
          reject(new Error(`no answer about ${topic} within ${timeoutMs} ms`))
        }, timeoutMs)
        const settle =
          <T>(then: (value: T) => void) =>
          (value: T) => {
            clearTimeout(timer)
            then(value)
          }
        waiting.set(request, { resolve: settle(resolve), reject: settle(reject) })
        send({ topic, body, to, request })
      }),
  }
}

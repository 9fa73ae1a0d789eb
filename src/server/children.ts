import { type ChildProcess, fork } from 'node:child_process'
import { backoffMs, type Clock, type Log, type Message } from '../kernel/index.ts'
import { serverErrors } from './errors.ts'
import type { createLogStream } from './log-stream.ts'
import { PROCESS_TABLE, roleOf } from './process-table.ts'

export type ChildSpec = {
  /** `ingest-0`: role, dash, number. */
  name: string
  /** Passed to the child as its arguments. */
  args: string[]
  env: Record<string, string | undefined>
  /** Inherited as descriptors from 4 on. */
  socketFds?: number[]
}

export type ChildState = 'starting' | 'ready' | 'draining' | 'stopped' | 'waiting'

export type ChildView = {
  name: string
  pid: number | undefined
  state: ChildState
  /** After an end nobody asked for. */
  restarts: number
  /** By `millrace restart`. */
  planned: number
  reason?: string
}

const ALIVE_EVERY_MS = 5_000
const ALIVE_WITHIN_MS = 30_000

/**
 * Starts children, starts them again when they end, relays their messages to each other, and asks each now and then
 * whether its event loop still turns (liveness: never a question about the database). `onMessage` gets what is
 * addressed to the supervisor and returns the answer.
 */
export function createChildren({
  entry,
  clock,
  log,
  stream,
  onMessage,
  onReady,
  onEnd,
}: {
  entry: string
  clock: Clock
  log: Log
  stream: ReturnType<typeof createLogStream>
  onMessage(topic: string, body: unknown, from: string): unknown
  onReady(name: string): void
  onEnd(name: string): void
}) {
  const children = new Map<string, Child>()
  let lastRequest = 0
  const waiting = new Map<number, (message: Message) => void>()

  function start(spec: ChildSpec): void {
    const child: Child = {
      spec,
      state: 'starting',
      restarts: 0,
      planned: 0,
      failures: 0,
      startedMs: 0,
      heardMs: 0,
      ending: false,
      replacing: false,
      onExit: [],
    }
    children.set(spec.name, child)
    launch(child)
  }

  function launch(child: Child): void {
    const { spec } = child
    child.state = 'starting'
    child.startedMs = clock.monotonicMs()
    child.heardMs = child.startedMs
    const process_ = fork(entry, spec.args, {
      env: spec.env,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc', ...(spec.socketFds ?? [])],
      serialization: 'advanced',
      // Its own group: a Ctrl-C on the terminal reaches only the supervisor, which drains in order.
      detached: true,
    })
    child.process = process_
    stream.collect(spec.name, process_.stdout!)
    stream.collect(spec.name, process_.stderr!)
    process_.on('message', (message) => void receive(child, message as Message))
    process_.setMaxListeners(0)
    process_.on('error', (error) => {
      log.error({ child: spec.name, err: error }, 'process failed')
      // One that could not even be started has no exit to come.
      if (process_.pid === undefined) ended(child, null, null)
    })
    process_.on('exit', (code, signal) => ended(child, code, signal))
  }

  function ended(child: Child, code: number | null, signal: NodeJS.Signals | null): void {
    child.process = undefined
    onEnd(child.spec.name)
    for (const tell of child.onExit.splice(0)) tell()
    if (child.ending) {
      child.state = 'stopped'
      log.info({ child: child.spec.name }, 'process stopped')
      return
    }
    if (child.replacing) {
      child.replacing = false
      child.planned += 1
      log.info({ child: child.spec.name }, 'process has drained, starting it again')
      launch(child)
      return
    }
    const livedMs = clock.monotonicMs() - child.startedMs
    child.failures = livedMs > 60_000 ? 1 : child.failures + 1
    child.restarts += 1
    child.state = 'waiting'
    const waitMs = child.failures === 1 ? 0 : backoffMs(child.failures - 1)
    log.warn(
      { child: child.spec.name, code, signal, waitMs, restarts: child.restarts },
      'process ended, starting it again',
    )
    const again = () => {
      if (!child.ending) launch(child)
    }
    if (waitMs === 0) again()
    else void clock.sleep(waitMs).then(again)
  }

  async function receive(child: Child, message: Message): Promise<void> {
    if (typeof message?.topic !== 'string') return
    child.heardMs = clock.monotonicMs()
    if (message.answer !== undefined) return deliverAnswer(child, message)
    if (message.topic === 'ready' && message.to === undefined) {
      child.state = 'ready'
      onReady(child.spec.name)
      return
    }
    if (message.topic === 'alive') return
    if (message.to !== undefined) return relay(child, message)
    try {
      const body = await onMessage(message.topic, message.body, child.spec.name)
      if (message.request !== undefined) send(child, { topic: message.topic, answer: message.request, body })
    } catch (error) {
      if (message.request === undefined) log.error({ topic: message.topic, err: error }, 'message failed')
      else send(child, { topic: message.topic, answer: message.request, error: String(error) })
    }
  }

  function deliverAnswer(child: Child, message: Message): void {
    const key = message.answer!
    waiting.get(key)?.({ ...message, from: child.spec.name })
  }

  /** To one process by name, or to every process of a role: then the answer is the list of theirs. */
  async function relay(sender: Child, message: Message): Promise<void> {
    // There is one core on a node: its role names the process.
    const to = message.to === 'core' ? 'core-0' : message.to!
    const targets = matching(to)
    const from = sender.spec.name
    if (message.request === undefined) {
      for (const target of targets) send(target, { topic: message.topic, body: message.body, from })
      return
    }
    const isRole = !/-\d+$/.test(to)
    try {
      const answers = await Promise.all(
        targets.map((t) => question(t, message.topic, message.body, 60_000, from)),
      )
      if (!isRole && targets.length === 0) throw serverErrors.child_gone(to)
      send(sender, { topic: message.topic, answer: message.request, body: isRole ? answers : answers[0] })
    } catch (error) {
      send(sender, { topic: message.topic, answer: message.request, error: String(error) })
    }
  }

  /** Processes that run now; one that is starting will read current state by itself. */
  function matching(to: string): Child[] {
    const all = [...children.values()].filter(
      (child) => child.process?.connected && child.state !== 'starting',
    )
    return all.filter(
      (child) => child.spec.name === to || child.spec.name.replace(/-\d+$/, '') === to || to === '*',
    )
  }

  function send(child: Child, message: Message): void {
    if (!child.process?.connected) return
    child.process.send(message, (error) => {
      if (error)
        log.debug(
          { child: child.spec.name, topic: message.topic },
          'message not delivered, the process is ending',
        )
    })
  }

  function question(
    child: Child,
    topic: string,
    body: unknown,
    timeoutMs: number,
    from?: string,
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const request = ++lastRequest
      const asked = child.process
      const finish = (act: () => void) => {
        clearTimeout(timer)
        asked?.removeListener('exit', gone)
        waiting.delete(request)
        act()
      }
      const gone = () => finish(() => reject(serverErrors.child_gone(child.spec.name)))
      const timer = setTimeout(
        () =>
          finish(() =>
            reject(new Error(`${child.spec.name} did not answer about ${topic} within ${timeoutMs} ms`)),
          ),
        timeoutMs,
      )
      waiting.set(request, (message) =>
        finish(() =>
          message.error === undefined ? resolve(message.body) : reject(new Error(message.error)),
        ),
      )
      asked?.once('exit', gone)
      if (!asked?.connected) return gone()
      send(child, { topic, body, request, from })
    })
  }

  /** Ends one child: asks it to drain, then insists with SIGTERM and, after the time is up, SIGKILL. */
  async function stop(name: string, drainSeconds: number): Promise<void> {
    const child = children.get(name)
    if (!child) return
    child.ending = true
    if (!child.process) {
      child.state = 'stopped'
      return
    }
    await drainOne(child, drainSeconds)
  }

  /**
   * Replaces one child: it drains as for an end, and its successor starts the moment it has gone. Not counted as a failure. One that
   * waits for its next start is left to that.
   */
  async function restart(name: string, drainSeconds: number): Promise<void> {
    const child = children.get(name)
    if (!child) throw serverErrors.child_gone(name)
    if (!child.process || child.ending) return
    child.replacing = true
    await drainOne(child, drainSeconds)
  }

  /** Asks it to drain; SIGKILL after the time is up. Resolves when it has exited. */
  async function drainOne(child: Child, drainSeconds: number): Promise<void> {
    const { name } = child.spec
    const asked = child.process
    child.state = 'draining'
    const exited = new Promise<void>((resolve) => {
      child.onExit.push(resolve)
    })
    send(child, { topic: 'drain', body: { drainSeconds } })
    const timer = new AbortController()
    const tooLate = clock.sleep(drainSeconds * 1000, timer.signal).then(() => false)
    const inTime = await Promise.race([exited.then(() => true), tooLate])
    timer.abort()
    if (!inTime) {
      log.warn({ child: name, drainSeconds }, 'process did not drain in time, killing it')
      asked?.kill('SIGKILL')
      await exited
    }
  }

  let pulseMs = clock.monotonicMs()
  const pulse = setInterval(() => {
    const nowMs = clock.monotonicMs()
    const ownPauseMs = nowMs - pulseMs - ALIVE_EVERY_MS
    pulseMs = nowMs
    for (const child of children.values()) {
      if (!child.process || child.ending || child.replacing) continue
      // While this process itself stood still it heard nobody: that says nothing about them.
      if (ownPauseMs > 0) child.heardMs += ownPauseMs
      if (clock.monotonicMs() - child.heardMs > ALIVE_WITHIN_MS) {
        log.error({ child: child.spec.name }, 'process gives no sign of life, killing it')
        child.heardMs = clock.monotonicMs()
        child.process.kill('SIGKILL')
      } else send(child, { topic: 'alive', request: 0 })
    }
  }, ALIVE_EVERY_MS)
  pulse.unref()

  /** Row by row of the process table, the lowest rank first; processes of one rank at the same time. */
  async function drainInOrder(): Promise<void> {
    const ranks = [...new Set(PROCESS_TABLE.map(({ drainRank }) => drainRank))].sort((a, b) => a - b)
    for (const rank of ranks) {
      const rows = PROCESS_TABLE.filter(({ drainRank }) => drainRank === rank)
      const names = [...children.keys()].filter((name) => rows.some(({ role }) => role === roleOf(name)))
      const seconds = Math.max(...rows.map(({ drainSeconds }) => drainSeconds))
      await Promise.all(names.map((name) => stop(name, seconds)))
    }
    clearInterval(pulse)
  }

  return {
    start,
    stop,
    restart,
    drainInOrder,
    /** Sends a notice to every running child. */
    broadcast(topic: string, body: unknown): void {
      for (const child of children.values()) send(child, { topic, body })
    },
    ask(name: string, topic: string, body: unknown, timeoutMs: number): Promise<unknown> {
      const child = children.get(name)
      return child ? question(child, topic, body, timeoutMs) : Promise.reject(serverErrors.child_gone(name))
    },
    views: (): ChildView[] =>
      [...children.values()].map((child) => ({
        name: child.spec.name,
        pid: child.process?.pid,
        state: child.state,
        restarts: child.restarts,
        planned: child.planned,
      })),
    killAll(): void {
      clearInterval(pulse)
      for (const child of children.values()) {
        child.ending = true
        child.process?.kill('SIGKILL')
      }
    },
  }
}

type Child = {
  spec: ChildSpec
  process?: ChildProcess
  state: ChildState
  restarts: number
  /** Restarts somebody asked for. */
  planned: number
  failures: number
  startedMs: number
  heardMs: number
  ending: boolean
  /** Its end is wanted, and a successor too. */
  replacing: boolean
  onExit: (() => void)[]
}

export type Children = ReturnType<typeof createChildren>

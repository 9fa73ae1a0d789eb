import type { Channel, Clock, Log } from '../kernel/index.ts'
import { createCompliance } from './compliance.ts'
import { unknownState } from './static-gate.ts'
import { createTurnstile } from './turnstile.ts'
import type { DatabaseReport, Gate, GateAcknowledgement, GateLease, GateState } from './types.ts'

const ASK_TIMEOUT_MS = 5_000
const LEASE_CHECK_MS = 1_000
/** One report a second is enough for the breaker; a thousand failing calls are still one failing database. */
const REPORT_EVERY_MS = 1_000

export type GateClient = Gate & {
  /** Resolves once the supervisor has said for the first time what the gate is. */
  ready(): Promise<void>
  /** Ends its timers. */
  stop(): void
}

/**
 * The gate of a child process. The supervisor pushes the state under a lease; without renewal for `leaseMs` of this
 * process's own monotonic time it shuts itself: whoever cannot be told to stop must not go on.
 */
export function createGateClient({
  channel,
  clock,
  log,
}: {
  channel: Channel
  clock: Clock
  log: Log
}): GateClient {
  const listeners = new Set<(state: GateState) => void>()
  const stopping = new AbortController()
  let told: GateState | undefined
  let leaseEndsMs = Number.NEGATIVE_INFINITY
  let lastReportMs = Number.NEGATIVE_INFINITY
  const firstWord = Promise.withResolvers<void>()

  const initial = unknownState('this process has not heard from its supervisor yet', clock.now())
  const turnstile = createTurnstile({ clock, initial, onRelease: () => void comply() })
  const compliance = createCompliance({ turnstile, acknowledge })

  function acknowledge({ sequence, epoch }: GateState) {
    // A state this process gave itself is nobody else's business.
    if (told?.sequence !== sequence || !holdsLease()) return
    channel.notify('gate-ack', { sequence, epoch } satisfies GateAcknowledgement)
  }
  function comply() {
    compliance.check().catch((error: unknown) => log.error({ err: error }, 'connections could not be closed'))
  }
  const holdsLease = () => clock.monotonicMs() < leaseEndsMs

  function change(state: GateState) {
    const before = turnstile.current()
    turnstile.apply(state)
    if (before.mode !== state.mode || before.epoch !== state.epoch)
      log.info({ mode: state.mode, epoch: state.epoch, reason: state.reason }, 'gate changed')
    for (const listener of listeners) listener(state)
    comply()
  }

  function hear({ state, leaseMs }: GateLease) {
    if (told !== undefined && state.sequence < told.sequence) return
    leaseEndsMs = clock.monotonicMs() + leaseMs
    const isNews = told?.sequence !== state.sequence || turnstile.current() !== told
    if (!isNews) return
    told = state
    change(state)
    firstWord.resolve()
  }

  /** Called before every entry too: after a long stop of the process no timer has run yet. */
  function checkLease() {
    if (told === undefined || holdsLease() || turnstile.current() !== told) return
    const reason = 'the lease of this process was not renewed by its supervisor'
    log.warn({ epoch: told.epoch }, 'gate shut: lease lost')
    change({ ...told, mode: 'away', reason, since: clock.now().toISOString(), planned: false })
  }

  function report(topic: string, body: DatabaseReport) {
    if (clock.monotonicMs() - lastReportMs < REPORT_EVERY_MS) return
    lastReportMs = clock.monotonicMs()
    channel.notify(topic, body)
  }

  async function watchLease() {
    while (!stopping.signal.aborted) {
      await clock.sleep(LEASE_CHECK_MS, stopping.signal)
      checkLease()
    }
  }
  async function askOnce() {
    try {
      const lease = (await channel.ask('gate', undefined, { timeoutMs: ASK_TIMEOUT_MS })) as
        | GateLease
        | undefined
      if (lease !== undefined) hear(lease)
    } catch (error) {
      log.warn({ err: error }, 'the supervisor did not say what the gate is; waiting for its next push')
    }
  }

  channel.on('gate', (body) => hear(body as GateLease))
  void askOnce()
  void watchLease()

  return {
    current() {
      checkLease()
      return turnstile.current()
    },
    async enter(admission) {
      checkLease()
      return turnstile.enter(admission)
    },
    onChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    onLetGo: compliance.onLetGo,
    reportUnreachable: (epoch, reason) => report('database-unreachable', { epoch, reason }),
    reportReachable: (epoch) => channel.notify('database-ok', { epoch, reason: '' } satisfies DatabaseReport),
    ready: () => firstWord.promise,
    stop: () => stopping.abort(),
  }
}

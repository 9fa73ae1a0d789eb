import type { Clock, Log } from '../kernel/index.ts'
import { createAcknowledgements } from './acknowledgements.ts'
import { gateErrors } from './errors.ts'
import { readGateFile, writeGateFile } from './file.ts'
import { type OrderDetails, stateAfter } from './keeper-state.ts'
import type { GateEvent } from './modes.ts'
import { type Bearing, createProbeTimes, createRampTimer, nextAdmission } from './ramp.ts'
import { unknownState } from './static-gate.ts'
import type { DatabaseAddress, DatabaseReport, GateAcknowledgement, GateLease, GateState } from './types.ts'

export const LEASE_MS = 30_000
const PUSH_EVERY_MS = 5_000
const TICK_MS = 100
/** A database that hangs refuses nobody: it is found out by asking. */
const PROBE_EVERY_MS = 5_000
/** During the ramp the probes are also its gauge. */
const GAUGE_EVERY_MS = 1_000

export type GateKeeperOptions = {
  dataDir: string
  clock: Clock
  log: Log
  /** Sends to every child that listens: topic and body. */
  broadcast: (topic: string, body: unknown) => void
  /** Resolves when the database answers a probe; the breaker's only eye. */
  probe: (address: DatabaseAddress) => Promise<void>
  /** How the database bears the load during the ramp; absent = judged by how long its probes take. */
  bearing?: () => Bearing
}

/** The one writer of the gate; lives in the supervisor. */
export type GateKeeper = {
  current(): GateState
  /**
   * Changes the gate: durable before anybody hears of it. Orders are carried out one after the other.
   * @throws gate_order_refused (409, final) when the event does not exist in the present mode.
   */
  order(event: GateEvent, details?: OrderDetails): Promise<GateState>
  /** Resolves when every order given so far has been carried out. */
  settled(): Promise<void>
  /** A maintenance that has ordered `drain` must say this every few seconds, or the gate reopens after 30 s. */
  renewOrder(): void
  /** Waits until the processes comply with the present state; resolves with those that do not by the deadline. */
  missing(processes: readonly string[], deadlineMs: number): Promise<string[]>
  /** A child has ended: it holds no connection any more. */
  forget(process: string): void
  /** To be registered with every child's channel: topic → handler. */
  topics: Record<string, (body: unknown, from: string) => unknown>
  /** Pushes, probes, ramps and expires orders until the signal aborts. */
  run(signal: AbortSignal): Promise<void>
}

/**
 * Reads the gate file and takes the gate over: serving becomes away until the first probe; a gate that a maintenance
 * holds stays as it is until the maintenance says otherwise.
 * @throws gate_file_damaged (500, final): nobody knows which database is the true one.
 */
export async function createGateKeeper(options: GateKeeperOptions): Promise<GateKeeper> {
  const { dataDir, clock, log, broadcast, probe } = options
  const probeTimes = createProbeTimes()
  const bearing = options.bearing ?? probeTimes.bearing
  const file = await readGateFile(dataDir)
  if (file.kind === 'damaged') throw gateErrors.gate_file_damaged(file.reason)

  const acknowledgements = createAcknowledgements(clock)
  const ramp = createRampTimer(clock)
  let state = file.kind === 'found' ? file.state : unknownState('never started before', clock.now())
  let lastPushMs = Number.NEGATIVE_INFINITY
  let orderRenewedMs = clock.monotonicMs()
  let queue: Promise<unknown> = Promise.resolve()
  let probing = false
  let lastProbeMs = Number.NEGATIVE_INFINITY
  ramp.shut(state.mode === 'away' && state.epoch > 0 ? clock.now().getTime() - Date.parse(state.since) : 0)

  const lease = (): GateLease => ({ state, leaseMs: LEASE_MS })
  function push() {
    lastPushMs = clock.monotonicMs()
    broadcast('gate', lease())
  }

  async function carryOut(event: GateEvent, details: OrderDetails): Promise<GateState> {
    const next = stateAfter(state, event, details, clock.now())
    try {
      await writeGateFile(dataDir, next)
    } catch (error) {
      // A full disk must not keep the gate open before a database that is gone; whatever opens it must be durable.
      if (event !== 'fail') throw error
      log.error({ err: error }, 'the gate file could not be written; the gate is shut all the same')
    }
    state = next
    orderRenewedMs = clock.monotonicMs()
    if (next.mode === 'held' || next.mode === 'away') ramp.shut()
    else if (event === 'reopen' || event === 'recover') ramp.opened()
    log.info({ event, mode: next.mode, epoch: next.epoch, reason: next.reason }, 'gate changed')
    push()
    return next
  }
  function order(event: GateEvent, details: OrderDetails = {}): Promise<GateState> {
    const result = queue.then(() => carryOut(event, details))
    queue = result.catch(() => undefined)
    return result
  }
  /** For what the keeper does by itself: the state may have changed since it was decided. */
  async function orderIf(
    stillSo: () => boolean,
    event: GateEvent,
    details: OrderDetails = {},
  ): Promise<void> {
    const result = queue.then(() => (stillSo() ? carryOut(event, details) : undefined))
    queue = result.catch(() => undefined)
    await result
  }

  const isOpen = () => state.mode === 'serving' || state.mode === 'recovering' || state.mode === 'draining'
  const waitsForDatabase = () => state.mode === 'away' && !state.planned && state.address !== undefined

  async function probeOnce(): Promise<void> {
    const { address, epoch } = state
    if (address === undefined) return
    const stillSo = (mode: () => boolean) => () => mode() && state.epoch === epoch
    const startedMs = clock.monotonicMs()
    const stateBefore = state.mode
    try {
      await probe(address)
    } catch (error) {
      if (isOpen()) log.warn({ err: error, epoch }, 'the main database does not answer')
      return orderIf(stillSo(isOpen), 'fail')
    }
    if (state.mode === stateBefore) probeTimes.note(state.mode, clock.monotonicMs() - startedMs)
    const event = ramp.wasLong() ? 'recover' : 'reopen'
    await orderIf(stillSo(waitsForDatabase), event)
  }
  /** One probe at a time; everybody who wants one waits for the same. */
  function startProbe() {
    if (probing) return
    probing = true
    lastProbeMs = clock.monotonicMs()
    void probeOnce()
      .catch((error: unknown) => log.error({ err: error }, 'the gate could not be changed after a probe'))
      .finally(() => {
        probing = false
      })
  }

  async function stepRamp(): Promise<void> {
    ramp.stepped()
    const admission = nextAdmission(state.admission ?? 0.1, bearing())
    const isRecovering = () => state.mode === 'recovering'
    if (admission >= 1) await orderIf(isRecovering, 'reopen')
    else await orderIf(isRecovering, 'ramp', { admission })
  }
  const orderIsStale = () =>
    state.mode === 'draining' && state.planned && clock.monotonicMs() - orderRenewedMs > LEASE_MS

  async function tick(): Promise<void> {
    if (clock.monotonicMs() - lastPushMs >= PUSH_EVERY_MS) push()
    const everyMs = state.mode === 'recovering' ? GAUGE_EVERY_MS : PROBE_EVERY_MS
    const probeIsDue = isOpen() && clock.monotonicMs() - lastProbeMs >= everyMs
    if (waitsForDatabase() || probeIsDue) startProbe()
    if (orderIsStale())
      await orderIf(orderIsStale, 'reopen', { reason: 'serving: the maintenance that was draining is gone' })
    if (state.mode === 'recovering' && ramp.stepIsDue()) await stepRamp()
  }

  await order('restart')
  return {
    current: () => state,
    order,
    settled: async () => void (await queue),
    renewOrder: () => {
      orderRenewedMs = clock.monotonicMs()
    },
    missing: (processes, deadlineMs) => acknowledgements.missing(processes, state.sequence, deadlineMs),
    forget: acknowledgements.forget,
    topics: {
      gate: lease,
      'gate-ack': (body, from) => acknowledgements.hear(body as GateAcknowledgement, from),
      'database-unreachable': (body) => {
        if ((body as DatabaseReport).epoch === state.epoch && isOpen()) startProbe()
      },
      'database-ok': (body) => {
        if ((body as DatabaseReport).epoch === state.epoch && waitsForDatabase()) startProbe()
      },
    },
    async run(signal) {
      while (!signal.aborted) {
        try {
          await tick()
        } catch (error) {
          // The gate file cannot be written: it stays as it is, and the next tick tries again.
          log.error({ err: error }, 'the gate could not be changed')
        }
        await clock.sleep(TICK_MS, signal)
      }
    },
  }
}

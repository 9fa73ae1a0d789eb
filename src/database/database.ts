import { databaseAway, type Gate, type Pass, type WorkClass } from '../gate/index.ts'
import {
  AppError,
  type Clock,
  Histogram,
  type Ids,
  type Log,
  numbered,
  type Registry,
  type Sql,
} from '../kernel/index.ts'
import type { Connection } from './connection.ts'
import { databaseErrors } from './errors.ts'
import { connectFailure, statementFailure } from './failures.ts'
import { createPool, type Pool, PoolTimeout } from './pool.ts'
import { type Attempt, attemptWrite } from './transaction.ts'
import type { Database, ReadAdmission, WriteAdmission, WriteHooks } from './types.ts'

/** A statement that takes its connection down twice is not tried a third time: it may be what brings it down. */
const MOST_LOST = 2
const MOST_CONFLICTS = 20
/** Timers hold 31 bits; a deadline beyond 12 days is none. */
const LONGEST_WAIT_MS = 2 ** 30

export type DatabaseOptions = {
  gate: Gate
  clock: Clock
  log: Log
  ids: Ids
  /** Connections of this process at most. */
  maxConnections: number
  /** After this the server ends a statement; 60 s when absent. */
  statementTimeoutMs?: number
  metrics?: Registry
}

/** The main database of this process: see `Database`. Connects when first used. */
export function openDatabase(options: DatabaseOptions): Database {
  const { gate, clock, log, ids, maxConnections, statementTimeoutMs = 60_000, metrics } = options
  const pools = new Map<number, Pool>()
  const timer = durations(metrics)

  function poolOf(pass: Pass): Pool {
    const { epoch, address } = gate.current()
    if (epoch !== pass.epoch || address === undefined)
      throw new PoolTimeout('the gate moved on to another database')
    let pool = pools.get(epoch)
    if (pool === undefined) {
      const connecting = { applicationName: `millrace_e${epoch}`, statementTimeoutMs }
      pool = createPool({ address, most: maxConnections, options: connecting, clock, log })
      pools.set(epoch, pool)
    }
    return pool
  }
  async function letGo(keepEpoch: number | undefined): Promise<void> {
    const closing = [...pools].filter(([epoch]) => epoch !== keepEpoch)
    for (const [epoch] of closing) pools.delete(epoch)
    await Promise.all(closing.map(([, pool]) => pool.close()))
  }
  gate.onLetGo(letGo)

  /**
   * Runs `use` on a connection, inside the gate. An unreachable or full database is tried again until `untilMs`;
   * what `use` throws rises as it is.
   * @throws database_away (503, retry) when no connection could be had in time.
   */
  async function withConnection<T>(
    work: WorkClass,
    untilMs: number,
    use: (connection: Connection) => Promise<T>,
  ): Promise<T> {
    for (let tries = 1; ; tries++) {
      const leftMs = Math.max(0, untilMs - clock.monotonicMs())
      const pass = await gate.enter({ class: work, deadlineMs: leftMs })
      try {
        const pool = poolOf(pass)
        const connection = await acquire(pool, pass, untilMs)
        if (connection !== undefined) {
          try {
            return await use(connection)
          } finally {
            pool.release(connection)
          }
        }
      } catch (error) {
        if (!(error instanceof PoolTimeout)) throw error
        if (clock.monotonicMs() >= untilMs) throw databaseAway(gate.current(), error.message, error)
      } finally {
        pass.release()
      }
      await pauseBefore(tries, untilMs)
    }
  }
  /** undefined when the database cannot be reached at the moment, which the supervisor is told. */
  async function acquire(pool: Pool, pass: Pass, untilMs: number): Promise<Connection | undefined> {
    try {
      return await pool.acquire(untilMs)
    } catch (error) {
      if (error instanceof PoolTimeout || connectFailure(error) === 'statement') throw error
      gate.reportUnreachable(pass.epoch, String(error))
      if (clock.monotonicMs() >= untilMs) throw databaseAway(gate.current(), 'it cannot be reached', error)
      return undefined
    }
  }
  async function pauseBefore(tries: number, untilMs: number): Promise<void> {
    const leftMs = untilMs - clock.monotonicMs()
    await clock.sleep(Math.max(0, Math.min(leftMs, 250, 10 * 2 ** tries)))
  }
  function noteLost(error: unknown) {
    const { epoch } = gate.current()
    log.warn({ err: error, epoch }, 'a connection to the main database broke')
    gate.reportUnreachable(epoch, String(error))
  }

  /** One name for each text: statements are written in the code, so there are no more of them than that has. */
  const statementNames = new Map<string, string>()
  function nameOf(text: string): string {
    const name = statementNames.get(text) ?? `s${statementNames.size + 1}`
    statementNames.set(text, name)
    return name
  }

  async function readStatement<Row>(
    { class: work, prepared }: ReadAdmission,
    untilMs: number,
    text: string,
    values: unknown[],
  ) {
    if (!/^\s*(SELECT|WITH|VALUES|SHOW|EXPLAIN|TABLE)\b/i.test(text))
      throw databaseErrors.not_a_read(text.slice(0, 80))
    const name = prepared ? nameOf(text) : undefined
    for (let lost = 0; ; ) {
      try {
        return await withConnection(work, untilMs, (connection) => connection.query<Row>(text, values, name))
      } catch (error) {
        const failure = meaningOf(error)
        if (failure === 'lost') noteLost(error)
        const mayTryAgain = failure === 'lost' || (failure === 'again' && clock.monotonicMs() < untilMs)
        if (!mayTryAgain || ++lost >= MOST_LOST) throw refusal(error)
      }
    }
  }

  /** One attempt after the other until it is certain how the write ended, or the caller's time is over. */
  async function writeOnce<T>(
    { class: work, deadlineMs, prepared }: WriteAdmission,
    run: (sql: Sql) => Promise<T>,
    hooks: WriteHooks,
  ): Promise<{ value: T; xid: bigint }> {
    const untilMs = clock.monotonicMs() + Math.min(deadlineMs, LONGEST_WAIT_MS)
    const operationId = hooks.operationId ?? ids.hex128()
    let open: Extract<Attempt<T>, { kind: 'open' }> | undefined
    const onFirst = () => {
      open = undefined
    }
    for (let lost = 0, conflicts = 0; ; ) {
      try {
        const result = await withConnection(writeClass(work), untilMs, (connection) => {
          const patienceMs = untilMs - clock.monotonicMs()
          const { beforeCommit } = hooks
          return attemptWrite(connection, {
            operationId,
            run,
            beforeCommit,
            patienceMs,
            onFirst,
            ...(prepared && { nameOf }),
          })
        })
        if (result.kind === 'committed') return result
        if (result.kind === 'repeated') {
          if (open === undefined) throw databaseErrors.operation_repeated(operationId)
          return open
        }
        open = result
        noteLost(result.cause)
      } catch (error) {
        const failure = meaningOf(error)
        if (failure === 'lost') noteLost(error)
        if (open !== undefined) {
          // Nobody has said yet how the earlier COMMIT ended: go on asking, and say so when there is no time left.
          const mayAskAgain = failure !== 'statement' && clock.monotonicMs() < untilMs
          if (!mayAskAgain) throw databaseErrors.write_outcome_unknown(String(error), open.cause)
        } else if (failure === 'lost' && ++lost < MOST_LOST) continue
        else if (failure === 'again' && clock.monotonicMs() < untilMs && ++conflicts < MOST_CONFLICTS)
          await pauseBefore(conflicts, untilMs)
        else throw refusal(error)
      }
    }
  }
  /** What the caller is told when nothing was stored and there is no further try. */
  function refusal(error: unknown): unknown {
    const failure = meaningOf(error)
    if (failure === 'again') return databaseErrors.database_busy(String(error), error)
    if (failure === 'exhausted') return databaseErrors.database_full(String(error), error)
    if (failure === 'lost') return databaseAway(gate.current(), 'the connection broke', error)
    return error
  }

  return {
    async read(admission, run) {
      const untilMs = clock.monotonicMs() + Math.min(admission.deadlineMs, LONGEST_WAIT_MS)
      const done = timer('read', admission.class)
      const sql: Sql = (text, ...values) => readStatement(admission, untilMs, numbered(text), values)
      try {
        return await run(sql)
      } finally {
        done()
      }
    },
    async write(admission, run, hooks = {}) {
      const done = timer('write', admission.class)
      try {
        const { value, xid } = await writeOnce(admission, run, hooks)
        await hooks.afterCommit?.(xid)
        return value
      } finally {
        done()
      }
    },
    async snapshot(admission, run) {
      const untilMs = clock.monotonicMs() + Math.min(admission.deadlineMs, LONGEST_WAIT_MS)
      const done = timer('snapshot', admission.class)
      try {
        return await withConnection(admission.class, untilMs, async (connection) => {
          await connection.script('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
          try {
            return await run({ query: (text, values) => connection.query(text, values) })
          } finally {
            if (connection.alive) await connection.script('ROLLBACK')
          }
        })
      } catch (error) {
        if (meaningOf(error) === 'lost') noteLost(error)
        throw refusal(error)
      } finally {
        done()
      }
    },
    close: () => letGo(undefined),
  }
}

/** Reads and health checks stay inside while writes are shut out; whatever writes must not be taken for one of them. */
function writeClass(work: WorkClass): WorkClass {
  return work === 'read' || work === 'health' ? 'write' : work
}

function meaningOf(error: unknown) {
  return error instanceof AppError ? 'statement' : statementFailure(error)
}

/** Seconds from call to answer, the wait at the gate included. */
function durations(metrics: Registry | undefined) {
  if (metrics === undefined) return () => () => undefined
  const histogram = new Histogram({
    name: 'millrace_database_seconds',
    help: 'Calls of the main database from call to answer, the wait at the gate included',
    labelNames: ['kind', 'class'],
    buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30],
    registers: [metrics],
  })
  return (kind: 'read' | 'write' | 'snapshot', work: WorkClass) => histogram.startTimer({ kind, class: work })
}

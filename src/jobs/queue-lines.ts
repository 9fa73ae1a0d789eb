import { type EndJson, endFromJson, type JobRow, jobFromRow } from './row.ts'
import type { EndRecord, Job, NewJob } from './types.ts'

/** A job that was answered for and that the main database is not known to have. */
export type WaitingJob = {
  /** As everybody may see it, its end left out: queued, running on the snapshot, or killed before it ran. */
  job: Job
  request: NewJob
  /** Who runs it on the snapshot; undefined while nobody does. */
  run?: LocalRun
  /** Its worker gave it back: the snapshot cannot answer it. */
  needsDatabase: boolean
  /** The main database may have it already: it is handed out there, never here. */
  mayBeStored: boolean
  /** How it ended, when no worker could say: it was lost, or killed while its worker had gone. */
  end?: EndRecord
}
/** One attempt on the snapshot. `process` is the worker's name across its restarts. */
export type LocalRun = { worker: string; process: string }
/** A kill of a job the main database has; to be applied there when it is back. */
export type WaitingKill = { id: bigint; accountId: bigint }

/**
 * One fact about an accepted job.
 * entering: from now on the main database may have it · not-entered: it certainly has not · entered: it has it.
 */
export type QueueLine =
  | { op: 'issue'; row: JobRow; databaseId: string | null; dueAt: string | null; mayBeStored?: boolean }
  | {
      op: 'started'
      id: string
      attempt: number
      at: string
      log: string
      run: LocalRun
      afterLoss?: boolean
    }
  | { op: 'put-back'; id: string; log: string; needsDatabase: boolean }
  | { op: 'ended'; id: string; end: EndJson }
  | { op: 'kill'; id: string; accountId: string }
  | { op: 'entering' | 'not-entered' | 'entered' | 'killed'; id: string }

export type QueueState = { jobs: Map<bigint, WaitingJob>; kills: Map<bigint, WaitingKill> }

/** What the queue holds is a fold over the lines. */
export function applyLine({ jobs, kills }: QueueState, line: QueueLine): void {
  if (line.op === 'issue') {
    const job = jobFromRow(line.row)
    const { mayBeStored = false } = line
    jobs.set(job.id, { job, request: requestOf(job, line), needsDatabase: false, mayBeStored })
    return
  }
  const id = BigInt(line.id)
  if (line.op === 'entered') return void jobs.delete(id)
  if (line.op === 'killed') return void kills.delete(id)
  if (line.op === 'kill') kills.set(id, { id, accountId: BigInt(line.accountId) })
  const waiting = jobs.get(id)
  if (waiting !== undefined) changeWaiting(waiting, line)
}

type Change = Exclude<QueueLine, { op: 'issue' | 'entered' | 'killed' }>

function changeWaiting(waiting: WaitingJob, line: Change): void {
  const { job } = waiting
  switch (line.op) {
    case 'entering':
    case 'not-entered':
      waiting.mayBeStored = line.op === 'entering'
      if (!waiting.mayBeStored) waiting.job = afterKill(waiting)
      return
    case 'started': {
      const startAt = new Date(line.at)
      const { attempt, log, afterLoss = false } = line
      const workersLost = job.workersLost + (afterLoss ? 1 : 0)
      waiting.job = { ...job, status: 'running', attempt, workersLost, log, startAt, updatedAt: startAt }
      waiting.run = line.run
      return
    }
    case 'put-back':
      waiting.job = {
        ...job,
        status: job.killRequested ? 'killed' : 'queued',
        givenBack: job.givenBack + 1,
        log: line.log,
        startAt: null,
      }
      waiting.run = undefined
      waiting.needsDatabase = line.needsDatabase
      return
    case 'ended':
      waiting.end = endFromJson(line.end)
      return
    case 'kill':
      waiting.job = { ...job, killRequested: true }
      waiting.job = afterKill(waiting)
  }
}

/**
 * One that was to die and has not begun is dead. One that runs, here or perhaps from the main database, ends when its worker
 * says so, and then as killed, however it ended.
 */
function afterKill({ job, run, mayBeStored }: WaitingJob): Job {
  return job.killRequested && run === undefined && !mayBeStored ? { ...job, status: 'killed' } : job
}

function requestOf(job: Job, line: { databaseId: string | null; dueAt: string | null }): NewJob {
  const { accountId, userId, userName, type, database, query, priority, retryLimit } = job
  const { poolName, engineVersion, domainKey, scheduleId, scheduledAt } = job
  return {
    accountId,
    userId,
    userName,
    type,
    database,
    databaseId: line.databaseId === null ? null : BigInt(line.databaseId),
    query,
    priority,
    retryLimit,
    poolName,
    engineVersion,
    domainKey,
    scheduleId,
    scheduledAt,
    dueAt: line.dueAt === null ? null : new Date(line.dueAt),
  }
}

/** The lines of what still waits: nothing of a job that has entered, but its kill until that is applied. */
export function stillWaiting(lines: QueueLine[]): QueueLine[] {
  const idOf = (line: QueueLine) => (line.op === 'issue' ? String(line.row.id) : line.id)
  const idsOf = (op: QueueLine['op']) =>
    new Set(lines.filter((line) => line.op === op).map((line) => idOf(line)))
  const entered = idsOf('entered')
  const killed = idsOf('killed')
  return lines.filter((line) =>
    line.op === 'kill' ? !killed.has(line.id) : line.op !== 'killed' && !entered.has(idOf(line)),
  )
}

import type { Database } from '../database/index.ts'
import { isRetryable } from '../kernel/index.ts'
import { finishJob } from './end-store.ts'
import type { EndsReader, KnownEnd } from './ends.ts'
import { jobErrors } from './errors.ts'
import { isFinished } from './life.ts'
import { type GateView, patientUpTo } from './patience.ts'
import type { LocalQueue, WaitingJob } from './queue.ts'
import { jobFromRow } from './row.ts'
import type { ShownEnds } from './shown-ends.ts'
import { findDomainKey, findJob, type JobFilter, listJobs, listJobsOfSchedule } from './store.ts'
import type { Job, JobHeads } from './types.ts'
import { endOfWaiting, withEnd } from './with-end.ts'

/** Where jobs are looked up, nearest truth first. */
export type JobSources = {
  database: Database
  gate: GateView
  queue: LocalQueue
  heads: JobHeads
  ends: EndsReader
  readDeadlineMs: number
  /** What was told before is not taken back; nothing is remembered when absent. */
  shown?: ShownEnds
}

/** `asOfMs` is set when the answer comes from the snapshot: how old that was, in milliseconds. */
export type Answer<T> = { value: T; asOfMs?: number }

/**
 * One job, with its log where the main database answers. A job must never look unknown while nobody can say.
 * @throws job_unknown (404, final) only when the main database said so · job_away (503, retry)
 */
export async function lookUpJob(sources: JobSources, accountId: bigint, id: bigint): Promise<Answer<Job>> {
  const mayBeStored = sources.queue.waitingJob(id)?.mayBeStored === true
  const [waiting] = await waitingJobs(sources, ({ job }) => job.id === id && job.accountId === accountId)
  if (waiting !== undefined && !mayBeStored) return { value: waiting }
  try {
    const job = await sources.database.read(reading(sources), (sql) => findJob(sql, accountId, id))
    // Between the two looks it may have entered the database, but it never goes the other way.
    if (job === undefined && waiting !== undefined) return { value: waiting }
    if (job === undefined) throw jobErrors.job_unknown(String(id))
    const [value] = await settled(sources, [job])
    sources.shown?.note(value!)
    return { value: value! }
  } catch (error) {
    if (!isRetryable(error)) throw error
    const isRemembered = waiting === undefined || sources.heads.jobHead(id).kind === 'found'
    return isRemembered ? rememberedJob(sources, accountId, id, error) : { value: waiting }
  }
}

/** Jobs of the local queue with their true ends, newest first. */
async function waitingJobs(
  { queue, ends }: Pick<JobSources, 'queue' | 'ends'>,
  isWanted: (waiting: WaitingJob) => boolean,
): Promise<Job[]> {
  if (!queue.waitingJobs().some(isWanted)) return []
  for (;;) {
    await queue.steady()
    const known = await ends.all()
    // A kill that was decided meanwhile looked at these ends after us.
    if (!queue.isSteady()) continue
    const jobs = queue.waitingJobs().filter(isWanted)
    return jobs
      .map((one) => withEnd(one.job, endOfWaiting(one, known)))
      .sort((a, b) => (a.id < b.id ? 1 : -1))
  }
}

/** What is known of a job without the main database: the snapshot's head, with the end a worker has written down. */
export async function rememberedJob(
  sources: JobSources,
  accountId: bigint,
  id: bigint,
  cause: unknown,
): Promise<Answer<Job>> {
  const head = sources.heads.jobHead(id)
  const known = (await sources.ends.all()).get(id)
  const job = head.kind === 'found' ? jobFromRow(head.value.row) : known?.job
  if (job === undefined || job.accountId !== accountId) throw jobErrors.job_away(String(id), cause)
  return { value: withEnd(sources.shown?.with(job) ?? job, known), asOfMs: sources.heads.ageMs }
}

/**
 * Rows of the main database after it has been told of the ends that the workers of this machine have written down and not
 * reported yet. Who saw a job end during an absence shall not see it running again when the database is back; and only the
 * database can say whether an end or a kill came first.
 */
async function settled(sources: SettleDeps, rows: Job[]): Promise<Job[]> {
  if (rows.every((job) => isFinished(job.status) || job.attempt === 0)) return rows
  const ends = await sources.ends.all()
  return Promise.all(rows.map((job) => settledJob(sources, job, ends.get(job.id))))
}

async function settledJob({ database }: SettleDeps, job: Job, known: KnownEnd | undefined): Promise<Job> {
  if (known === undefined || isFinished(job.status) || known.end.attempt !== job.attempt) return job
  // What commits with an end is its worker's to commit.
  if (known.end.end.kind === 'success' && known.end.end.commit !== undefined) return job
  try {
    await database.write(SETTLING, (sql) => finishJob(sql, known.end))
    return (await database.read(SETTLING, (sql) => findJob(sql, job.accountId, job.id))) ?? job
  } catch (error) {
    if (!isRetryable(error)) throw error
    return withEnd(job, known)
  }
}

export type SettleDeps = Pick<JobSources, 'database' | 'ends'>
const SETTLING = { class: 'job-report', deadlineMs: 2_000 } as const

/** Tells the main database how a job has ended, if a worker of this machine knows; what asks it next gets the truth. */
export async function settleJob(sources: SettleDeps, accountId: bigint, id: bigint): Promise<void> {
  if (!(await sources.ends.all()).has(id)) return
  const job = await sources.database.read(SETTLING, (sql) => findJob(sql, accountId, id))
  if (job !== undefined) await settled(sources, [job])
}

const reading = ({ gate, readDeadlineMs }: JobSources) => patientUpTo(gate, 'read', readDeadlineMs)

const REMEMBERED_JOBS = 2000

/** Jobs newest first, waiting ones of the local queue among them. */
export async function lookUpJobs(sources: JobSources, filter: JobFilter): Promise<Answer<Job[]>> {
  const mine = await waitingJobs(sources, ({ job }) => job.accountId === filter.accountId)
  const waiting = mine.filter((job) => passes(job, filter))
  try {
    // The waiting ones displace database rows, so as many more are read from the start and the page is cut here.
    const wanted =
      waiting.length === 0 ? filter : { ...filter, offset: 0, limit: filter.offset + filter.limit }
    const rows = await sources.database.read(reading(sources), (sql) => listJobs(sql, wanted))
    const known = await settled(sources, rows)
    const stored = known.filter((job, i) => job === rows[i] || passes(job, filter))
    return { value: waiting.length === 0 ? stored : page([...waiting, ...stored], filter) }
  } catch (error) {
    if (!isRetryable(error) || !sources.heads.usable) throw error
    const ends = await sources.ends.all()
    const heads = sources.heads.recentJobs(filter.accountId, REMEMBERED_JOBS)
    const known = heads.map((head) => withEnd(jobFromRow(head.row), ends.get(head.id)))
    const passing = known.filter((job) => passes(job, filter))
    return { value: page([...waiting, ...passing], filter), asOfMs: sources.heads.ageMs }
  }
}

function page(jobs: Job[], { offset, limit }: { offset: number; limit: number }): Job[] {
  const byId = new Map(jobs.map((job) => [job.id, job]))
  const sorted = [...byId.values()].sort((a, b) => (a.id < b.id ? 1 : -1))
  return sorted.slice(offset, offset + limit)
}

function passes(job: Job, { userId, databases, statuses, slowerThanSeconds }: JobFilter): boolean {
  if (databases !== null && job.userId !== userId && !databases.includes(job.database)) return false
  if (statuses !== null && !statuses.includes(job.status)) return false
  if (slowerThanSeconds === null) return true
  if (job.startAt === null) return false
  return (job.endAt ?? job.updatedAt).getTime() - job.startAt.getTime() > slowerThanSeconds * 1000
}

/** The job a domain key started. @throws job_unknown (404) only when certain · job_away (503) */
export async function lookUpDomainKey(
  sources: JobSources,
  accountId: bigint,
  key: string,
): Promise<Answer<Job>> {
  const waiting = await sources.queue.findDomainKey(accountId, key)
  if (waiting !== undefined) return lookUpJob(sources, accountId, waiting)
  let id: bigint | undefined
  try {
    id = await sources.database.read(reading(sources), (sql) => findDomainKey(sql, accountId, key))
  } catch (error) {
    if (!isRetryable(error)) throw error
    const head = sources.heads.jobByDomainKey(accountId, key)
    if (head.kind !== 'found') throw jobErrors.job_away(`with domain_key ${key}`, error)
    return rememberedJob(sources, accountId, head.value.id, error)
  }
  if (id === undefined) throw jobErrors.job_unknown(`with domain_key ${key}`)
  return lookUpJob(sources, accountId, id)
}

/** The runs of a schedule, newest first; those of manual runs among them. */
export async function lookUpJobsOfSchedule(
  sources: JobSources,
  wanted: { accountId: bigint; scheduleId: bigint; offset: number; limit: number },
): Promise<Answer<Job[]>> {
  const { accountId, scheduleId, offset, limit } = wanted
  const waiting = await waitingJobs(
    sources,
    ({ job }) => job.accountId === accountId && job.scheduleId === scheduleId,
  )
  try {
    const most = waiting.length === 0 ? wanted : { ...wanted, offset: 0, limit: offset + limit }
    const rows = await sources.database.read(reading(sources), (sql) => listJobsOfSchedule(sql, most))
    const stored = await settled(sources, rows)
    return { value: waiting.length === 0 ? stored : page([...waiting, ...stored], wanted) }
  } catch (error) {
    if (!isRetryable(error) || !sources.heads.usable) throw error
    const ends = await sources.ends.all()
    const known = sources.heads
      .recentJobs(accountId, REMEMBERED_JOBS)
      .map((head) => withEnd(jobFromRow(head.row), ends.get(head.id)))
      .filter((job) => job.scheduleId === scheduleId)
    return { value: page([...waiting, ...known], wanted), asOfMs: sources.heads.ageMs }
  }
}

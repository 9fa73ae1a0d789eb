import { auditEntries } from '../../catalog/index.ts'
import type { Database } from '../../database/index.ts'
import type { Admission } from '../../gate/index.ts'
import { jobHeads } from '../../jobs/index.ts'
import { errorHeads } from '../../load/index.ts'
import type { SystemRow, SystemSources, SystemWanted } from '../../query/index.ts'

const READ: Admission = { class: 'read', deadlineMs: 30_000 }
/** Where PostgreSQL's instants are sure to be instants: years 1970 to 9999. */
const EARLIEST = 0n
const LATEST = 253_402_300_799n

/** Rows of system tables that loading and jobs keep, for the runner of queries. */
export function systemSourcesOf(database: Database): SystemSources {
  return {
    import_errors: (wanted) => importErrors(database, wanted),
    jobs: (wanted) => jobs(database, wanted),
    audit_log: (wanted) => auditLog(database, wanted),
  }
}

async function* importErrors(database: Database, wanted: SystemWanted): AsyncIterable<SystemRow[]> {
  const times = hullOf(wanted)
  if (times === undefined) return
  const pages = errorHeads(database, READ, {
    accountId: wanted.accountId,
    databases: both(wanted.databases, wanted.texts.get('database_name')),
    tables: wanted.texts.get('table_name') ?? null,
    times,
  })
  for await (const page of pages) {
    yield page.map((error) => ({
      time: error.time,
      id: error.id,
      database_name: error.database,
      table_name: error.table,
      channel: error.channel,
      reason: error.reason,
      records: error.records,
      unique_id: error.uniqueId,
      api_key: error.key,
      body_bytes: bigOrNull(error.bytes),
      received_at: error.receivedAt,
      created_at: error.createdAt,
    }))
  }
}

async function* jobs(database: Database, wanted: SystemWanted): AsyncIterable<SystemRow[]> {
  const times = hullOf(wanted)
  if (times === undefined) return
  const { accountId, userId, texts, columns } = wanted
  const pages = jobHeads(database, READ, {
    accountId,
    userId,
    visible: wanted.databases,
    databases: texts.get('database_name') ?? null,
    statuses: texts.get('status') ?? null,
    types: texts.get('type') ?? null,
    userNames: texts.get('user_name') ?? null,
    times,
    withQuery: columns.has('query'),
  })
  for await (const page of pages) {
    yield page.map((job) => ({
      time: job.time,
      id: job.id,
      type: job.type,
      database_name: job.database,
      user_name: job.userName,
      status: job.status,
      priority: BigInt(job.priority),
      query: job.query,
      retry_limit: BigInt(job.retryLimit),
      attempt: BigInt(job.attempt),
      created_at: job.createdAt,
      start_at: job.startAt,
      end_at: job.endAt,
      cpu_ms: job.cpuMs,
      result_rows: job.resultRows,
      result_bytes: job.resultBytes,
      error_name: job.errorName,
      error_message: job.errorMessage,
    }))
  }
}

async function* auditLog(database: Database, wanted: SystemWanted): AsyncIterable<SystemRow[]> {
  const times = hullOf(wanted)
  const { accountId, databases, texts } = wanted
  // Only owners and administrators see all of the account.
  if (times === undefined || databases !== null) return
  const pages = auditEntries(database, READ, {
    accountId,
    actions: texts.get('action') ?? null,
    users: texts.get('user_email') ?? null,
    targets: texts.get('target') ?? null,
    times,
  })
  const json = (value: Record<string, unknown> | null) => (value === null ? null : JSON.stringify(value))
  for await (const page of pages) {
    yield page.map((entry) => ({
      time: entry.time,
      id: entry.id,
      user_email: entry.userEmail,
      api_key: entry.keyPrefix,
      address: entry.address,
      action: entry.action,
      target: entry.target,
      result: entry.result,
      details: json(entry.details),
      before: json(entry.before),
      after: json(entry.after),
      at: entry.at,
    }))
  }
}

/** One range around all; undefined when there is no time at all. */
function hullOf({ times }: SystemWanted): { from: bigint | null; to: bigint | null } | undefined {
  const first = times[0]
  const last = times.at(-1)
  if (first === undefined || last === undefined) return undefined
  if ((first.from !== null && first.from > LATEST) || (last.to !== null && last.to <= EARLIEST))
    return undefined
  return {
    from: first.from === null || first.from <= EARLIEST ? null : first.from,
    to: last.to === null || last.to > LATEST ? null : last.to,
  }
}

function both(
  visible: readonly string[] | null,
  wanted: readonly string[] | undefined,
): readonly string[] | null {
  if (visible === null) return wanted ?? null
  return wanted === undefined ? visible : visible.filter((name) => wanted.includes(name))
}

const bigOrNull = (value: number | null) => (value === null ? null : BigInt(value))

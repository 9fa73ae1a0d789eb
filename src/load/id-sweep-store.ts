import type { Sql } from '../kernel/index.ts'

/** `last`: where the next portion begins; null when there is nothing old any more. */
export type Swept = { rows: number; last: Date | null }

export type SweptTable = {
  name: string
  /** How long the ids are promised to be known. */
  keptHours: number
  /**
   * Removes ids that are older, the oldest at or after `from` first, `most` of them; nothing while another sweep is at
   * it. `from` spares looking again at what was just removed: it stays in the index until the vacuum.
   */
  sweep(sql: Sql, portion: { from: Date; most: number }): Promise<Swept>
  /** By how many seconds the oldest id has outlived its promise; 0 when none has. */
  overdueSeconds(sql: Sql): Promise<number>
}

const NOTHING: Swept = { rows: 0, last: null }

/** True for one sweep of the table at a time, until its transaction ends. */
async function isFree(sql: Sql, table: string): Promise<boolean> {
  const [lock] = await sql<{ free: boolean }>`
    SELECT pg_try_advisory_xact_lock(hashtext('id sweep'), hashtext(${table})) AS free`
  return lock!.free
}

/** A spool so far behind the others is taken for one of a node that is gone. */
const MOST_BEHIND_HOURS = 72

/**
 * Up to when everything received is loaded, in all spools: what waits in one of them, after days without its loader or
 * the database, may repeat what was stored within the promised time before it was received.
 */
async function loadedThrough(sql: Sql): Promise<Date> {
  const [row] = await sql<{ at: Date }>`
    SELECT LEAST(now(), min(updated_at)) AS at FROM spool_positions
     WHERE updated_at > (SELECT max(updated_at) FROM spool_positions) - make_interval(hours => ${MOST_BEHIND_HOURS}::int)`
  return row!.at
}

/** Each row is found by its key: whatever the planner knows of the table, it must never read it whole. */
async function byKey(sql: Sql): Promise<void> {
  await sql`SET LOCAL enable_hashjoin = off`
  await sql`SET LOCAL enable_mergejoin = off`
  await sql`SET LOCAL enable_seqscan = off`
}

const IMPORT_IDS: SweptTable = {
  name: 'import_ids',
  keptHours: 7 * 24,
  async sweep(sql, { from, most }) {
    if (!(await isFree(sql, this.name))) return NOTHING
    const through = await loadedThrough(sql)
    await byKey(sql)
    const [swept] = await sql<Swept>`
      WITH old AS MATERIALIZED (
        SELECT table_id, id FROM import_ids
         WHERE received_at >= ${from} AND received_at < ${through}::timestamptz - make_interval(hours => ${this.keptHours}::int)
         ORDER BY received_at LIMIT ${most}),
      gone AS (
        DELETE FROM import_ids i USING old WHERE i.table_id = old.table_id AND i.id = old.id RETURNING i.received_at)
      SELECT count(*)::int AS rows, max(received_at) AS last FROM gone`
    return swept!
  },
  async overdueSeconds(sql) {
    const through = await loadedThrough(sql)
    const [row] = await sql<{ seconds: number }>`
      SELECT GREATEST(0, extract(epoch FROM ${through}::timestamptz - make_interval(hours => ${this.keptHours}::int) - min(received_at)))::float8
             AS seconds FROM import_ids`
    return row!.seconds ?? 0
  },
}

const EVENT_IDS: SweptTable = {
  name: 'event_ids',
  keptHours: 24,
  async sweep(sql, { from, most }) {
    if (!(await isFree(sql, this.name))) return NOTHING
    const through = await loadedThrough(sql)
    await byKey(sql)
    const [swept] = await sql<Swept>`
      WITH old AS MATERIALIZED (
        SELECT table_id, id FROM event_ids
         WHERE received_at >= ${from} AND received_at < ${through}::timestamptz - make_interval(hours => ${this.keptHours}::int)
         ORDER BY received_at LIMIT ${most}),
      gone AS (
        DELETE FROM event_ids i USING old WHERE i.table_id = old.table_id AND i.id = old.id RETURNING i.received_at)
      SELECT count(*)::int AS rows, max(received_at) AS last FROM gone`
    return swept!
  },
  async overdueSeconds(sql) {
    const through = await loadedThrough(sql)
    const [row] = await sql<{ seconds: number }>`
      SELECT GREATEST(0, extract(epoch FROM ${through}::timestamptz - make_interval(hours => ${this.keptHours}::int) - min(received_at)))::float8
             AS seconds FROM event_ids`
    return row!.seconds ?? 0
  },
}

/**
 * Marks of browser requests: nothing asks for them after minutes; those a suspect waits for, after hours. One small row per
 * commit: `rows` counts rows.
 */
const RECENT_REQUESTS: SweptTable = {
  name: 'recent_requests',
  keptHours: 1,
  async sweep(sql, { from, most }) {
    if (!(await isFree(sql, this.name))) return NOTHING
    const [swept] = await sql<Swept>`
      WITH gone AS (
        DELETE FROM recent_requests WHERE id IN (
          SELECT id FROM recent_requests
           WHERE created_at >= ${from}
             AND created_at < now() - CASE WHEN suspects = '' THEN interval '1 hour' ELSE interval '1 day' END
           ORDER BY created_at LIMIT ${most})
        RETURNING created_at)
      SELECT count(*)::int AS rows, max(created_at) AS last FROM gone`
    return swept!
  },
  async overdueSeconds(sql) {
    const [row] = await sql<{ seconds: number }>`
      SELECT GREATEST(0, extract(epoch FROM now() - make_interval(hours => ${this.keptHours}::int) - min(created_at)))::float8
             AS seconds FROM recent_requests WHERE suspects = ''`
    return row!.seconds ?? 0
  },
}

export const SWEPT_TABLES: readonly SweptTable[] = [IMPORT_IDS, EVENT_IDS, RECENT_REQUESTS]

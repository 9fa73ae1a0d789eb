import type { Sql } from '../kernel/index.ts'
import { scheduleFromRow } from '../snapshot/index.ts'
import type { Schedule, ScheduleText } from './types.ts'

type ScheduleRow = Record<string, unknown>

/** The columns as the snapshot reads them; instants stay what the driver makes of them. */
function scheduleOf(row: ScheduleRow): Schedule {
  const { updatedAt: _, ...schedule } = scheduleFromRow(row)
  return {
    ...schedule,
    userName: String(row.user_name),
    nextTime: row.next_time as Date | null,
    createdAt: row.created_at as Date,
  }
}

export async function listSchedules(sql: Sql, accountId: bigint): Promise<Schedule[]> {
  const rows = await sql<ScheduleRow>`
    SELECT s.*, u.name AS user_name FROM schedules s JOIN users u ON u.id = s.user_id
     WHERE s.account_id = ${accountId} AND s.removed_at IS NULL ORDER BY s.name`
  return rows.map(scheduleOf)
}

export async function findSchedule(sql: Sql, accountId: bigint, name: string): Promise<Schedule | undefined> {
  const [row] = await sql<ScheduleRow>`
    SELECT s.*, u.name AS user_name FROM schedules s JOIN users u ON u.id = s.user_id
     WHERE s.account_id = ${accountId} AND s.name = ${name} AND s.removed_at IS NULL`
  return row && scheduleOf(row)
}

export async function findScheduleById(
  sql: Sql,
  accountId: bigint,
  id: bigint,
): Promise<Schedule | undefined> {
  const [row] = await sql<ScheduleRow>`
    SELECT s.*, u.name AS user_name FROM schedules s JOIN users u ON u.id = s.user_id
     WHERE s.account_id = ${accountId} AND s.id = ${id} AND s.removed_at IS NULL`
  return row && scheduleOf(row)
}

/** As `findSchedule`; nobody else changes or runs it until the transaction ends. */
export async function lockSchedule(sql: Sql, accountId: bigint, name: string): Promise<Schedule | undefined> {
  const [row] = await sql<ScheduleRow>`
    SELECT s.*, u.name AS user_name FROM schedules s JOIN users u ON u.id = s.user_id
     WHERE s.account_id = ${accountId} AND s.name = ${name} AND s.removed_at IS NULL FOR UPDATE OF s`
  return row && scheduleOf(row)
}

/** Returns undefined when the account has one of that name. */
export async function insertSchedule(
  sql: Sql,
  owner: { accountId: bigint; userId: bigint },
  text: ScheduleText,
  nextTime: Date | null,
): Promise<Schedule | undefined> {
  const rows = await sql`
    INSERT INTO schedules (account_id, user_id, name, cron, timezone, delay_seconds, type, database, query, priority,
                           retry_limit, pool_name, engine_version, next_time)
    VALUES (${owner.accountId}, ${owner.userId}, ${text.name}, ${text.cron}, ${text.timezone}, ${text.delaySeconds},
            ${text.type}, ${text.database}, ${text.query}, ${text.priority}, ${text.retryLimit}, ${text.poolName},
            ${text.engineVersion}, ${nextTime})
    ON CONFLICT (account_id, name) WHERE removed_at IS NULL DO NOTHING RETURNING 1`
  return rows.length === 0 ? undefined : findSchedule(sql, owner.accountId, text.name)
}

/** The name of a user of the account, who is there and stays until the transaction ends. */
export async function holdUser(sql: Sql, accountId: bigint, id: bigint): Promise<string | undefined> {
  const [row] = await sql<{ name: string }>`
    SELECT name FROM users WHERE id = ${id} AND account_id = ${accountId} AND removed_at IS NULL FOR SHARE`
  return row?.name
}

/** Fails with a unique violation when the new name is taken. */
export async function updateSchedule(
  sql: Sql,
  id: bigint,
  text: ScheduleText,
  { nextTime, userId }: { nextTime: Date | null; userId: bigint },
): Promise<void> {
  await sql`
    UPDATE schedules SET user_id = ${userId}, name = ${text.name}, cron = ${text.cron}, timezone = ${text.timezone},
           delay_seconds = ${text.delaySeconds}, type = ${text.type}, database = ${text.database}, query = ${text.query},
           priority = ${text.priority}, retry_limit = ${text.retryLimit}, pool_name = ${text.poolName},
           engine_version = ${text.engineVersion}, next_time = ${nextTime}, updated_at = clock_timestamp()
     WHERE id = ${id}`
}

export async function removeSchedule(sql: Sql, id: bigint): Promise<void> {
  await sql`
    UPDATE schedules SET removed_at = clock_timestamp(), updated_at = clock_timestamp(), next_time = NULL WHERE id = ${id}`
}

/** Removes up to `limit` records of runs older than that. */
export async function expireRuns(
  sql: Sql,
  { olderThanDays, limit }: { olderThanDays: number; limit: number },
): Promise<number> {
  const rows = await sql`
    DELETE FROM schedule_runs WHERE (schedule_id, scheduled_at) IN (
      SELECT schedule_id, scheduled_at FROM schedule_runs
       WHERE created_at < clock_timestamp() - make_interval(days => ${olderThanDays}) LIMIT ${limit})
    RETURNING 1`
  return rows.length
}

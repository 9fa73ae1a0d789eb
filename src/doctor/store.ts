import type { Connection } from '../database/index.ts'

export type DatabaseFacts = {
  version: number
  isStandby: boolean
  /** How far its clock is ahead of ours. */
  aheadMs: number
  mayCreate: boolean
  mayCreateRoles: boolean
  mostConnections: number
  usedConnections: number
}

/** What a main database is to be asked before it is relied upon; changes nothing. */
export async function readDatabaseFacts(connection: Connection, now: () => Date): Promise<DatabaseFacts> {
  const beforeMs = now().getTime()
  const [row] = await connection.query<{
    version: number
    isStandby: boolean
    at: Date
    mayCreate: boolean
    mayCreateRoles: boolean
    mostConnections: number
    usedConnections: number
  }>(
    `SELECT current_setting('server_version_num')::int4 AS version,
            pg_is_in_recovery() AS "isStandby",
            clock_timestamp() AS at,
            has_database_privilege(current_database(), 'CREATE')
              AND has_schema_privilege(current_schema(), 'CREATE') AS "mayCreate",
            (SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user) AS "mayCreateRoles",
            (SELECT least(current_setting('max_connections')::int4
                            - current_setting('superuser_reserved_connections')::int4,
                          (SELECT CASE WHEN datconnlimit < 0 THEN 1000000 ELSE datconnlimit END
                             FROM pg_database WHERE datname = current_database()),
                          (SELECT CASE WHEN rolconnlimit < 0 THEN 1000000 ELSE rolconnlimit END
                             FROM pg_roles WHERE rolname = current_user))) AS "mostConnections",
            (SELECT count(*)::int4 FROM pg_stat_activity
              WHERE datid IS NOT NULL AND application_name NOT LIKE 'millrace%') AS "usedConnections"`,
  )
  const { at, ...facts } = row!
  return {
    ...facts,
    mayCreate: facts.mayCreate === true,
    aheadMs: at.getTime() - (beforeMs + now().getTime()) / 2,
  }
}

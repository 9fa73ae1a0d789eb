import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Log, sha256Hex } from '../kernel/index.ts'
import type { Connection } from './connection.ts'
import { databaseErrors } from './errors.ts'
import { serverCode } from './failures.ts'

export type Migration = { number: number; name: string; sql: string; sha256: string; breaking: boolean }
type Applied = { number: number; name: string; sha256: string; breaking: boolean }

/** Any number will do as long as it stays the same: it keeps two starting servers from migrating at once. */
const LOCK = 7_214_310_001

/**
 * The migrations of a directory in order. Files are called NNNN_what.sql, numbered from 1 without a gap, and say in
 * their first line whether servers of the version before can go on using the schema: `-- breaking: yes|no`.
 */
export async function readMigrations(
  directory = join(import.meta.dirname, 'migrations'),
): Promise<Migration[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.sql')).sort()
  return Promise.all(names.map((name, i) => readMigration(directory, name, i + 1)))
}

async function readMigration(directory: string, name: string, expected: number): Promise<Migration> {
  const sql = (await readFile(join(directory, name), 'utf8')).replaceAll('\r\n', '\n')
  const number = Number(/^(\d{4})_[a-z0-9_]+\.sql$/.exec(name)?.[1])
  const breaking = /^-- breaking: (yes|no)\n/.exec(sql)?.[1]
  if (number !== expected) throw new Error(`${name} should be migration number ${expected}`)
  if (breaking === undefined)
    throw new Error(`${name} must begin with "-- breaking: yes" or "-- breaking: no"`)
  return { number, name, sql, sha256: sha256Hex(sql), breaking: breaking === 'yes' }
}

/**
 * Brings the schema up to date; returns the numbers applied now. Safe when several servers start at once.
 * @throws schema_too_new, migration_changed, extension_missing, migration_failed (all final)
 */
export async function migrate(
  connection: Connection,
  { migrations, log }: { migrations: readonly Migration[]; log: Log },
): Promise<number[]> {
  await connection.query('SELECT pg_advisory_lock($1)', [LOCK])
  try {
    await createLedger(connection)
    const applied = await connection.query<Applied>(
      'SELECT number, name, sha256, breaking FROM schema_migrations ORDER BY number',
    )
    refuseUnfit(migrations, applied, log)
    const done = new Set(applied.map(({ number }) => number))
    const due = migrations.filter(({ number }) => !done.has(number))
    for (const migration of due) await apply(connection, migration, log)
    return due.map(({ number }) => number)
  } finally {
    if (connection.alive) await connection.query('SELECT pg_advisory_unlock($1)', [LOCK])
  }
}

async function createLedger(connection: Connection): Promise<void> {
  await connection.query(`
    CREATE TABLE IF NOT EXISTS schema_migrations (
      number     integer PRIMARY KEY,
      name       text NOT NULL,
      sha256     text NOT NULL,
      breaking   boolean NOT NULL,
      applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )`)
}

function refuseUnfit(migrations: readonly Migration[], applied: readonly Applied[], log: Log): void {
  for (const old of applied) {
    const ours = migrations.find(({ number }) => number === old.number)
    if (ours === undefined) {
      if (old.breaking) throw databaseErrors.schema_too_new(old.name)
      log.warn({ migration: old.name }, 'the schema is newer than this version, which may go on using it')
    } else if (ours.sha256 !== old.sha256) throw databaseErrors.migration_changed(old.name)
  }
}

async function apply(connection: Connection, migration: Migration, log: Log): Promise<void> {
  const { number, name, sql, sha256, breaking } = migration
  try {
    await connection.script('BEGIN')
    await connection.script(sql)
    await connection.query(
      'INSERT INTO schema_migrations (number, name, sha256, breaking) VALUES ($1, $2, $3, $4)',
      [number, name, sha256, breaking],
    )
    await connection.script('COMMIT')
    log.info({ migration: name }, 'schema migrated')
  } catch (error) {
    if (connection.alive) await connection.script('ROLLBACK')
    throw explained(name, error)
  }
}

/** `CREATE EXTENSION btree_gist` fails as an unknown file, an unavailable feature or a missing right. */
function explained(name: string, error: unknown): unknown {
  const text = String(error)
  const code = serverCode(error)
  if (code === undefined) return error
  if (/extension|btree_gist/.test(text) && ['58P01', '0A000', '42501'].includes(code))
    return databaseErrors.extension_missing(text, error)
  return databaseErrors.migration_failed(`${name}: ${text}`, error)
}

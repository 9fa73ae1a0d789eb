import type { DatabaseAddress } from '../gate/index.ts'
import type { Clock, Ids, Log } from '../kernel/index.ts'
import { identifier, withAdmin } from './admin.ts'
import type { Connection } from './connection.ts'
import { serverCode } from './failures.ts'
import { type Migration, migrate, readMigrations } from './migrations.ts'

/** Not that of the migrations, which is taken inside. */
const LOCK = 7_214_310_003

export type PrepareOptions = {
  /** Which epoch the returned address belongs to. */
  epoch: number
  ids: Ids
  log: Log
  /** Created when missing; the admin address's own database when absent (external servers: the one in the URL). */
  database?: string
  /** Which of several servers on one database: each has epochs, and so roles, of its own. '' or absent: the only one. */
  node?: string
  migrations?: readonly Migration[]
}

/** Role names are shared by all databases of a server; another database than `millrace` gets names of its own. */
function roleNames(database: string, node = '') {
  const prefix = database === 'millrace' ? 'millrace' : `millrace_${database}`
  const epochPrefix = node === '' ? `${prefix}_e` : `${prefix}_n${node}_e`
  return { owner: `${prefix}_owner`, epochPrefix, epoch: (n: number) => `${epochPrefix}${n}` }
}

/**
 * Makes a server ready for an epoch: database, owner role, schema, and a login role of that epoch. Returns the
 * address for everybody who passes the gate. May be repeated: the epoch's password is then replaced. On a server
 * where roles may not be created the given user is used for everything, which is said once in the log.
 * @throws what `migrate` throws; driver errors when the server cannot be reached.
 */
export async function prepareDatabase(
  admin: DatabaseAddress,
  { epoch, ids, log, database = admin.database, node, migrations }: PrepareOptions,
): Promise<DatabaseAddress> {
  const wanted = migrations ?? (await readMigrations())
  if (database !== admin.database)
    await withAdmin(admin, (connection) => createDatabase(connection, database))
  const inside = { ...admin, database }
  return withAdmin(inside, async (connection) => {
    if (await mayCreateRoles(connection)) return oneAtATime(connection, () => prepareWithRoles(connection))
    log.warn(
      { user: admin.user },
      'this database user may not create roles: all processes log in as it, and fencing ends connections only',
    )
    await migrate(connection, { migrations: wanted, log })
    return inside
  })

  async function prepareWithRoles(connection: Connection): Promise<DatabaseAddress> {
    const names = roleNames(database, node)
    await createOwner(connection, names.owner, database)
    await handOver(connection, names.owner)
    await connection.query(`SET ROLE ${identifier(names.owner)}`)
    await migrate(connection, { migrations: wanted, log })
    await connection.query('RESET ROLE')
    const login = { user: names.epoch(epoch), password: ids.hex160() }
    await createEpochRole(connection, { ...login, owner: names.owner })
    return { ...inside, ...login }
  }
}

/** Servers starting together must not alter the same role at once: PostgreSQL answers "tuple concurrently updated". */
async function oneAtATime<T>(connection: Connection, run: () => Promise<T>): Promise<T> {
  await connection.query('SELECT pg_advisory_lock($1)', [LOCK])
  try {
    return await run()
  } finally {
    if (connection.alive) await connection.query('SELECT pg_advisory_unlock($1)', [LOCK])
  }
}

async function createDatabase(connection: Connection, database: string): Promise<void> {
  const found = await connection.query('SELECT 1 FROM pg_database WHERE datname = $1', [database])
  if (found.length > 0) return
  await unlessThere(() =>
    connection.query(`CREATE DATABASE ${identifier(database)} TEMPLATE template0 ENCODING 'UTF8'`),
  )
}

async function mayCreateRoles(connection: Connection): Promise<boolean> {
  const [row] = await connection.query<{ may: boolean }>(
    'SELECT rolsuper OR rolcreaterole AS may FROM pg_roles WHERE rolname = current_user',
  )
  return row!.may
}

/** The owner holds every object and cannot log in; it owns the database, or at least may create in it. */
async function createOwner(connection: Connection, owner: string, database: string): Promise<void> {
  const name = identifier(owner)
  await unlessThere(() => connection.query(`CREATE ROLE ${name} NOLOGIN`))
  // Since PostgreSQL 16 whoever creates a role may grant it but is not a member of it.
  await connection.query(`GRANT ${name} TO CURRENT_USER`)
  const [row] = await connection.query<{ owner: string; may: boolean }>(
    `SELECT pg_get_userbyid(datdba) AS owner, r.rolsuper OR r.rolcreatedb AS may
       FROM pg_database, pg_roles r WHERE datname = current_database() AND r.rolname = current_user`,
  )
  if (row!.owner === owner) return
  const here = identifier(database)
  if (row!.may) await connection.query(`ALTER DATABASE ${here} OWNER TO ${name}`)
  else
    await connection.script(
      `GRANT CREATE ON DATABASE ${here} TO ${name}; GRANT CREATE, USAGE ON SCHEMA public TO ${name}`,
    )
}

/**
 * A schema that the given user made while it was not allowed to create roles belongs to the owner from now on: tables (with the
 * sequences of their columns), sequences and functions, but not what an extension brought.
 */
async function handOver(connection: Connection, owner: string): Promise<void> {
  const statements = await connection.query<{ statement: string }>(
    `SELECT format('ALTER %s %s OWNER TO %I', kind, id, $1::text) AS statement
       FROM (SELECT CASE relkind WHEN 'S' THEN 'SEQUENCE' WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, oid::regclass::text,
                    'pg_class'::regclass, oid, relowner
               FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'S') AND relnamespace = 'public'::regnamespace
             UNION ALL
             SELECT 'ROUTINE', oid::regprocedure::text, 'pg_proc'::regclass, oid, proowner
               FROM pg_proc WHERE pronamespace = 'public'::regnamespace) AS made (kind, id, class, oid, maker)
      WHERE maker = (SELECT relowner FROM pg_class WHERE oid = to_regclass('public.schema_migrations'))
        AND maker = (SELECT oid FROM pg_roles WHERE rolname = current_user)
        AND NOT EXISTS (SELECT 1 FROM pg_depend d
                         WHERE d.classid = made.class AND d.objid = made.oid
                           AND (d.deptype = 'e' OR kind = 'SEQUENCE' AND d.deptype IN ('a', 'i')))`,
    [owner],
  )
  if (statements.length > 0)
    await connection.script(`BEGIN; ${statements.map(({ statement }) => statement).join('; ')}; COMMIT`)
}

/** The password is new each time, so whoever still holds an older one cannot log in. */
async function createEpochRole(
  connection: Connection,
  { user, password, owner }: { user: string; password: string; owner: string },
): Promise<void> {
  const name = identifier(user)
  await unlessThere(() => connection.query(`CREATE ROLE ${name}`))
  await connection.query(`ALTER ROLE ${name} LOGIN PASSWORD '${password}'`)
  await connection.query(`GRANT ${identifier(owner)} TO ${name}`)
  // Whoever is to end its connections some day must be a member, unless a superuser.
  await connection.query(`GRANT ${name} TO CURRENT_USER`)
  await connection.query(`ALTER ROLE ${name} SET role = ${identifier(owner)}`)
}

/** Two servers starting at once both find it missing; the second to create it is content. */
async function unlessThere(create: () => Promise<unknown>): Promise<void> {
  try {
    await create()
  } catch (error) {
    const code = serverCode(error)
    if (code !== '42P04' && code !== '42710' && code !== '23505') throw error
  }
}

export type FenceOptions = {
  /** Every epoch below this one is shut out; with its own number, the present one as well. */
  below: number
  /** Whose epochs, as in PrepareOptions: those of other nodes go on. */
  node?: string
  clock: Clock
  log: Log
  deadlineMs?: number
}

/**
 * Shuts earlier epochs out of a database for good: their roles lose login and rights, their connections are ended.
 * `default_transaction_read_only` would not do: BEGIN READ WRITE walks through it. Resolves when two looks in a row
 * found nobody; returns how many connections were ended.
 * @throws when some are still there at the deadline.
 */
export async function fenceEpochs(
  admin: DatabaseAddress,
  { below, node, clock, log, deadlineMs = 10_000 }: FenceOptions,
): Promise<number> {
  return withAdmin(admin, async (connection) => {
    const fenced = await oneAtATime(connection, () =>
      disarmRoles(connection, roleNames(admin.database, node), below),
    )
    const untilMs = clock.monotonicMs() + deadlineMs
    let ended = 0
    for (let quiet = 0; quiet < 2; ) {
      const count = await endConnections(connection, fenced, below)
      ended += count
      quiet = count === 0 ? quiet + 1 : 0
      if (clock.monotonicMs() > untilMs)
        throw new Error(`connections of epochs below ${below} cannot be ended`)
      // A login that was let in just before is not listed at once.
      await clock.sleep(50)
    }
    log.info({ below, roles: fenced.length, ended }, 'earlier epochs fenced')
    return ended
  })
}

async function disarmRoles(
  connection: Connection,
  { owner, epochPrefix }: ReturnType<typeof roleNames>,
  below: number,
): Promise<string[]> {
  if (!(await mayCreateRoles(connection))) return []
  const roles = await connection.query<{ rolname: string; armed: boolean }>(
    `SELECT rolname, rolcanlogin OR pg_has_role(oid, $2, 'MEMBER') AS armed FROM pg_roles
      WHERE starts_with(rolname, $1) AND substr(rolname, length($1) + 1) ~ '^[0-9]+$'`,
    [epochPrefix, owner],
  )
  const fenced = roles.filter(({ rolname }) => Number(rolname.slice(epochPrefix.length)) < below)
  for (const { rolname, armed } of fenced) {
    if (!armed) continue
    await connection.query(`ALTER ROLE ${identifier(rolname)} NOLOGIN`)
    await connection.query(`REVOKE ${identifier(owner)} FROM ${identifier(rolname)}`)
  }
  return fenced.map(({ rolname }) => rolname)
}

/** By role where each epoch has one; by application name where all share a user. */
async function endConnections(connection: Connection, roles: string[], below: number): Promise<number> {
  const rows = await connection.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid()
        AND (usename = ANY ($1)
             OR (usename = current_user AND application_name ~ '^millrace_e[0-9]+$'
                 AND substr(application_name, 11)::bigint < $2))`,
    [roles, below],
  )
  return rows.length
}

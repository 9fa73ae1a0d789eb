import type { DatabaseAddress } from '../gate/index.ts'
import { type Connection, connect } from './connection.ts'
import { connectFailure } from './failures.ts'

const ADMIN_STATEMENT_MS = 10 * 60_000

/** Runs `use` on a connection of its own, past every gate: for preparing, migrating, fencing and probing only. */
export async function withAdmin<T>(
  address: DatabaseAddress,
  use: (connection: Connection) => Promise<T>,
  { connectTimeoutMs = 10_000, statementTimeoutMs = ADMIN_STATEMENT_MS } = {},
): Promise<T> {
  const connection = await connect(address, {
    applicationName: 'millrace_admin',
    connectTimeoutMs,
    statementTimeoutMs,
  })
  try {
    return await use(connection)
  } finally {
    await connection.close()
  }
}

/**
 * Resolves when the database answers and would take writes; rejects otherwise. A server that is merely out of
 * connections answers.
 */
export async function probeDatabase(address: DatabaseAddress, timeoutMs = 2_000): Promise<void> {
  const limits = { connectTimeoutMs: timeoutMs, statementTimeoutMs: timeoutMs }
  try {
    await withAdmin(address, refuseStandby, limits)
  } catch (error) {
    if (connectFailure(error) !== 'full') throw error
  }
}

async function refuseStandby(connection: Connection): Promise<void> {
  const [row] = await connection.query<{ standby: boolean }>('SELECT pg_is_in_recovery() AS standby')
  if (row!.standby) throw new Error('the server is a standby and takes no writes')
}

/** Quotes a name of our own making. */
export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

import pg from 'pg'
import type { DatabaseAddress } from '../gate/index.ts'
import { statementFailure } from './failures.ts'

const { builtins } = pg.types
const XID8 = 5069
const INT8_ARRAY = 1016
const FAREWELL_MS = 1_000
const bigints = (text: string) => BigInt(text)
/** One dimension only: `{1,2,NULL}`. */
const bigintArray = (text: string) =>
  text === '{}'
    ? []
    : text
        .slice(1, -1)
        .split(',')
        .map((item) => (item === 'NULL' ? null : BigInt(item)))

/**
 * How values arrive: int8 and xid8 as bigint, timestamptz as Date, json and jsonb parsed, numeric and date as text.
 * Given to each connection; the driver's own tables stay as they are for everybody else.
 */
const parsers = new Map<number, (text: string) => unknown>([
  [builtins.INT8, bigints],
  [XID8, bigints],
  [INT8_ARRAY, bigintArray],
  [builtins.DATE, (text) => text],
  [builtins.TIMESTAMP, (text) => text],
])

const types = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    (format === 'binary' ? undefined : parsers.get(oid)) ?? pg.types.getTypeParser(oid, format),
}

export type ConnectOptions = {
  applicationName: string
  connectTimeoutMs: number
  /** The server ends a statement after this; the driver gives up the connection 5 s later. */
  statementTimeoutMs: number
}

/** One connection; `alive` turns false by itself when it breaks. */
export type Connection = {
  /** `name`: the server keeps the statement and its plan under it, for as long as the connection lives. */
  query<Row>(text: string, values?: unknown[], name?: string): Promise<Row[]>
  /** Several statements in one round trip, without parameters: what each of them returned, and its command tag. */
  script<Row>(text: string): Promise<{ rows: Row[]; command: string }[]>
  readonly alive: boolean
  /** Process id at the server. */
  readonly backend: number
  close(): Promise<void>
  /** Cuts the socket without a farewell. */
  destroy(): void
}

/** @throws whatever the driver throws; `connectFailure` says what it means. */
export async function connect(address: DatabaseAddress, options: ConnectOptions): Promise<Connection> {
  const client = new pg.Client({
    host: address.host,
    port: address.port,
    database: address.database,
    user: address.user,
    password: address.password,
    // The certificate is checked; a private authority comes in through NODE_EXTRA_CA_CERTS.
    ssl: address.tls ? { rejectUnauthorized: true } : false,
    application_name: options.applicationName,
    connectionTimeoutMillis: options.connectTimeoutMs,
    statement_timeout: options.statementTimeoutMs,
    query_timeout: options.statementTimeoutMs + 5_000,
    // A transaction whose client hangs must not keep its locks for ever.
    idle_in_transaction_session_timeout: options.statementTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    types,
  })
  let alive = true
  client.on('error', () => {
    // The statement that was running is rejected with the same error; an idle connection is simply not used again.
    alive = false
  })
  client.on('end', () => {
    alive = false
  })
  try {
    await client.connect()
  } catch (error) {
    destroy(client)
    throw error
  }
  /** After a broken or timed-out statement nobody knows what the connection is in the middle of. */
  async function orDestroy<T>(result: Promise<T>): Promise<T> {
    try {
      return await result
    } catch (error) {
      if (statementFailure(error) === 'lost') {
        alive = false
        destroy(client)
      }
      throw error
    }
  }
  return {
    get alive() {
      return alive
    },
    backend: (client as unknown as { processID: number | null }).processID ?? 0,
    async query<Row>(text: string, values: unknown[] = [], name?: string) {
      const { rows } = await orDestroy(client.query({ text, values, name }))
      return rows as Row[]
    },
    async script<Row>(text: string) {
      const results = (await orDestroy(client.query(text))) as unknown as pg.QueryResult | pg.QueryResult[]
      const all = Array.isArray(results) ? results : [results]
      return all.map(({ rows, command }) => ({ rows: rows as Row[], command }))
    },
    async close() {
      if (!alive) return
      alive = false
      // A server that hangs does not take leave.
      const impatience = setTimeout(() => destroy(client), FAREWELL_MS)
      await client.end()
      clearTimeout(impatience)
    },
    destroy() {
      alive = false
      destroy(client)
    },
  }
}

function destroy(client: pg.Client) {
  const { connection } = client as unknown as { connection: { stream: { destroy(): void } } }
  connection.stream.destroy()
}

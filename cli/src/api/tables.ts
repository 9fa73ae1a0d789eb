import { type Call, jobNumber, path, type Query } from './call.ts'
import type { DeletedTable, ErrorRecord, Table } from './types.ts'

export type TableName = { database: string; table: string }
export type TableSettings = { expire_days?: number; include_v?: string; detect_schema?: string }

const called = ({ database, table }: TableName) => `'${database}.${table}'`
const look = ({ database, table }: TableName) => `millrace table:show ${database} ${table}`

/** `/v3/table/…` (rest-api reference §5.3). */
export function tableCalls(call: Call) {
  return {
    async list(database: string): Promise<Table[]> {
      const { tables } = await call.json<{ tables: Table[] }>({
        does: `list the tables of '${database}'`,
        path: path`/v3/table/list/${database}`,
      })
      return tables
    },
    show: (at: TableName) =>
      call.json<Table>({
        does: `look up the table ${called(at)}`,
        path: path`/v3/table/show/${at.database}/${at.table}`,
        query: { include_descriptions: true },
      }),
    /** `idempotentKey`: a repeat is answered as the first. */
    create: (at: TableName, settings: TableSettings, idempotentKey: string) =>
      call.write({
        does: `create the table ${called(at)}`,
        path: path`/v3/table/create/${at.database}/${at.table}/log`,
        form: { ...settings, idempotent_key: idempotentKey },
        repeat: 'same',
        look: look(at),
      }),
    delete: (at: TableName) =>
      call.write({
        does: `delete the table ${called(at)}`,
        path: path`/v3/table/delete/${at.database}/${at.table}`,
        repeat: 404,
        look: look(at),
      }),
    /** Twice is not at all. */
    swap: ({ database, table }: TableName, other: string) =>
      call.write({
        does: `swap the tables '${table}' and '${other}' of '${database}'`,
        path: path`/v3/table/swap/${database}/${table}/${other}`,
        repeat: 'never',
        look: `millrace table:list ${database} --json (the ids of the two tables have changed places when it was done)`,
      }),
    rename: (at: TableName, to: string, overwrite: boolean) =>
      call.write({
        does: `rename the table ${called(at)} to '${to}'`,
        path: path`/v3/table/rename/${at.database}/${at.table}/${to}`,
        form: { overwrite },
        repeat: 404,
        look: `millrace db:show ${at.database}`,
      }),
    move: (at: TableName, to: string) =>
      call.write({
        does: `move the table ${called(at)} to the database '${to}'`,
        path: path`/v3/table/change_database/${at.database}/${at.table}`,
        form: { dest_database_name: to },
        repeat: 404,
        look: `millrace db:show ${to}`,
      }),
    update: (at: TableName, settings: TableSettings) =>
      call.write({
        does: `change the table ${called(at)}`,
        path: path`/v3/table/update/${at.database}/${at.table}`,
        form: settings as Query,
        repeat: 'same',
        look: look(at),
      }),
    updateSchema: (at: TableName, schema: string) =>
      call.write({
        does: `change the schema of ${called(at)}`,
        path: path`/v3/table/update-schema/${at.database}/${at.table}`,
        form: { schema },
        repeat: 'same',
        look: `millrace schema:show ${at.database} ${at.table}`,
      }),
    appendSchema: (at: TableName, schema: string) =>
      call.write({
        does: `add columns to the schema of ${called(at)}`,
        path: path`/v3/table/append-schema/${at.database}/${at.table}`,
        form: { schema },
        repeat: 'same',
        look: `millrace schema:show ${at.database} ${at.table}`,
      }),
    /** Newest first, as a JSON array: its text, so that no number loses digits. */
    tail: (at: TableName, count: number) =>
      call.text({
        does: `read the newest rows of ${called(at)}`,
        path: path`/v3/table/tail/${at.database}/${at.table}`,
        query: { count, format: 'json' },
      }),
    partialDelete: async (at: TableName, span: { from: number; to: number }, domainKey: string) =>
      jobNumber(
        await call.write<{ job_id: string }>({
          does: `delete rows of ${called(at)}`,
          path: path`/v3/table/partialdelete/${at.database}/${at.table}`,
          form: { ...span, domain_key: domainKey },
          repeat: 409,
          look: 'millrace job:list',
        }),
      ),
    async deleted(): Promise<DeletedTable[]> {
      const found: DeletedTable[] = []
      let cursor: number | null | undefined
      do {
        const page: { tables: DeletedTable[]; cursor_id: number | null } = await call.json({
          does: 'list the deleted tables',
          path: '/v3/table/deleted',
          query: { page_size: 1000, cursor_id: cursor ?? undefined },
        })
        found.push(...page.tables)
        cursor = page.cursor_id
      } while (cursor !== null && cursor !== undefined)
      return found
    },
    undelete: (at: TableName) =>
      call.write({
        does: `restore the table ${called(at)}`,
        path: path`/v3/table/undelete/${at.database}/${at.table}`,
        repeat: 'never',
        look: look(at),
      }),
    recover: (id: number, as: { table_name?: string; database_name?: string }) =>
      call.write<Table>({
        does: `restore the deleted table ${id}`,
        path: path`/v3/table/recover/${id}`,
        form: as,
        repeat: 'never',
        look: 'millrace table:deleted',
      }),
    export: async (at: TableName, form: Query, domainKey: string) =>
      jobNumber(
        await call.write<{ job_id: string }>({
          does: `export the table ${called(at)}`,
          path: path`/v3/export/run/${at.database}/${at.table}`,
          form: { ...form, domain_key: domainKey },
          repeat: 409,
          look: 'millrace job:list',
        }),
      ),
    /** What was accepted and could not be stored, newest first; of all tables when none is named. */
    async errors(at: TableName | undefined, limit: number): Promise<ErrorRecord[]> {
      const { error_records: records } = await call.json<{ error_records: ErrorRecord[] }>({
        does: 'list what could not be stored',
        path:
          at === undefined
            ? '/v3/table/error_records'
            : path`/v3/table/error_records/${at.database}/${at.table}`,
        query: { limit },
      })
      return records
    },
  }
}

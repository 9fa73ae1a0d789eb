import { command } from '../command.ts'
import { failure, usageError } from '../errors.ts'
import { bytesText } from '../output/bytes.ts'
import { localTime } from '../output/times.ts'
import { DATABASE, force, formatOf, listFormat, TABLE } from './common.ts'
import { columnsText, schemaOf } from './schema-text.ts'

const AT_ONCE = 4
const BOOLEAN = ['true', 'false'] as const

const SETTINGS = {
  'expire-days': {
    kind: 'integer',
    placeholder: 'DAYS',
    least: 0,
    help: 'rows end so many days after their time; 0: never',
  },
  'include-v': {
    kind: 'text',
    placeholder: 'BOOL',
    choices: BOOLEAN,
    help: 'whether the column v can be queried',
  },
  'detect-schema': {
    kind: 'text',
    placeholder: 'BOOL',
    choices: BOOLEAN,
    help: 'whether new keys become columns',
  },
} as const

type Settings = {
  'expire-days': number | undefined
  'include-v': string | undefined
  'detect-schema': string | undefined
}

const settingsOf = (given: Settings) => ({
  expire_days: given['expire-days'],
  include_v: given['include-v'],
  detect_schema: given['detect-schema'],
})

export const tableCommands = [
  command({
    name: 'table:list',
    aliases: ['tables', 'show-tables'],
    topic: 'tables',
    summary: 'list tables, of one database or of all',
    arguments: [{ ...DATABASE, optional: true }],
    options: {
      'num-threads': {
        kind: 'integer',
        short: 'n',
        placeholder: 'N',
        least: 1,
        most: 64,
        help: 'ask for so many databases at once (4)',
      },
      'show-bytes': { kind: 'switch', help: 'sizes in bytes' },
      ...listFormat,
    },
    examples: [
      ['millrace table:list', 'every table you may see'],
      ['millrace table:list shop -f csv', 'of one database, for a spreadsheet'],
    ],
    async run({ api, print }, { words, options }) {
      const names =
        words.DATABASE === undefined
          ? (await api().databases.list())
              .filter(({ permission }) => permission !== 'import_only')
              .map(({ name }) => name)
          : [words.DATABASE]
      const lists = await inTurns(names, options['num-threads'] ?? AT_ONCE, (name) => api().tables.list(name))
      const found = lists.flatMap((tables, i) => tables.map((table) => ({ database: names[i]!, ...table })))
      const size = (bytes: number) => (options['show-bytes'] ? bytes : bytesText(bytes))
      await print.list(
        {
          columns: [
            { name: 'Database' },
            { name: 'Table' },
            { name: 'Type' },
            { name: 'Count', align: 'right' },
            { name: 'Size', align: 'right' },
            { name: 'Last import' },
            { name: 'Last log timestamp' },
            { name: 'Schema' },
          ],
          rows: found.map((table) => [
            table.database,
            table.name,
            table.type,
            table.count,
            size(table.estimated_storage_size),
            localTime(table.counter_updated_at),
            localTime(table.last_log_timestamp),
            columnsText(schemaOf(table)),
          ]),
          objects: found,
        },
        formatOf(options),
      )
    },
  }),
  command({
    name: 'table:show',
    aliases: ['table', 'show-table'],
    topic: 'tables',
    summary: 'show a table with its columns',
    arguments: [DATABASE, TABLE],
    options: { verbose: { kind: 'switch', short: 'v', help: 'times, size and settings, too' } },
    examples: [
      ['millrace table:show shop orders', 'rows and columns'],
      ['millrace table:show shop orders -v', 'and everything else'],
    ],
    async run({ api, print }, { words, options }) {
      const table = await api().tables.show({ database: words.DATABASE, table: words.TABLE })
      const columns = schemaOf(table)
      const more = [
        ['Size', bytesText(table.estimated_storage_size)],
        ['Created', localTime(table.created_at)],
        ['Last import', localTime(table.counter_updated_at)],
        ['Last log timestamp', localTime(table.last_log_timestamp)],
        ['Description', table.description ?? ''],
      ] as const
      await print.block(
        [
          ['Name', `${words.DATABASE}.${table.name}`],
          ['Type', table.type],
          ['Count', table.count],
          ...(table.expire_days === null ? [] : [['Expire Days', table.expire_days] as const]),
          ['Include v', String(table.include_v)],
          ...(options.verbose ? more : []),
          [
            'Schema',
            columns.length === 0
              ? ''
              : `(\n${columns.map(({ key, type, alias }) => `  ${key}:${type}${alias === undefined ? '' : `@${alias}`}`).join('\n')}\n)`,
          ],
        ].map(([name, value]) => [name, value] as [string, string | number]),
        table,
      )
    },
  }),
  command({
    name: 'table:create',
    aliases: ['create-table', 'create-log-table'],
    topic: 'tables',
    summary: 'create a table',
    about: ['Columns need not be named: the first import brings them.'],
    arguments: [DATABASE, TABLE],
    options: SETTINGS,
    examples: [
      ['millrace table:create shop orders', 'an empty table'],
      ['millrace table:create shop visits --expire-days 90', 'whose rows end after 90 days'],
    ],
    async run({ api, print, newId }, { words, options }) {
      const at = { database: words.DATABASE, table: words.TABLE }
      await api().tables.create(at, settingsOf(options), newId())
      await print.done(`Table '${at.database}.${at.table}' is created.`, { ...at, created: true })
    },
  }),
  command({
    name: 'table:delete',
    aliases: ['delete-table', 'drop-table'],
    topic: 'tables',
    summary: 'delete a table with its rows',
    about: ["What was deleted can be brought back for a while with 'millrace table:undelete'."],
    arguments: [DATABASE, TABLE],
    options: force('do not ask'),
    examples: [
      ['millrace table:delete shop orders', 'asks first'],
      ['millrace table:delete shop orders -f', 'does not'],
    ],
    async run({ api, print, confirm }, { words, options }) {
      const at = { database: words.DATABASE, table: words.TABLE }
      if (!options.force) {
        const { count } = await api().tables.show(at)
        if (!(await confirm(`Delete table '${at.database}.${at.table}' with ${count} rows?`)))
          throw failure('not deleted')
      }
      await api().tables.delete(at)
      await print.done(`Table '${at.database}.${at.table}' is deleted.`, { ...at, deleted: true })
    },
  }),
  command({
    name: 'table:deleted',
    topic: 'tables',
    summary: 'list the tables that were deleted and can be brought back',
    arguments: [],
    options: listFormat,
    examples: [['millrace table:deleted', 'the newest first']],
    async run({ api, print }, { options }) {
      const tables = await api().tables.deleted()
      await print.list(
        {
          columns: [
            { name: 'ID', align: 'right' },
            { name: 'Database' },
            { name: 'Table' },
            { name: 'Created' },
            { name: 'Deleted' },
          ],
          rows: tables.map((table) => [
            table.id,
            table.database_name,
            table.name,
            localTime(table.created_at),
            localTime(table.deleted_at),
          ]),
          objects: tables,
        },
        formatOf(options),
      )
    },
  }),
  command({
    name: 'table:undelete',
    aliases: ['table:recover'],
    topic: 'tables',
    summary: 'bring back a table that was deleted',
    arguments: [DATABASE, { name: 'TABLE', help: 'its name' }],
    options: {
      id: {
        kind: 'integer',
        placeholder: 'ID',
        least: 1,
        help: "the one of this number in 'table:deleted', under the name given",
      },
    },
    examples: [
      ['millrace table:undelete shop orders', 'the one of this name that was deleted last'],
      ['millrace table:undelete shop orders_old --id 11', 'a certain one, under another name'],
    ],
    async run({ api, print }, { words, options }) {
      const at = { database: words.DATABASE, table: words.TABLE }
      if (options.id === undefined) await api().tables.undelete(at)
      else await api().tables.recover(options.id, { database_name: at.database, table_name: at.table })
      await print.done(`Table '${at.database}.${at.table}' is back.`, { ...at, restored: true })
    },
  }),
  command({
    name: 'table:swap',
    aliases: ['swap-table'],
    topic: 'tables',
    summary: 'let two tables change names, in one step',
    arguments: [DATABASE, { ...TABLE, name: 'TABLE1' }, { ...TABLE, name: 'TABLE2' }],
    options: {},
    examples: [
      ['millrace table:swap shop orders orders_new', 'queries see the one or the other, never none'],
    ],
    async run({ api, print }, { words: { DATABASE: database, TABLE1: a, TABLE2: b } }) {
      await api().tables.swap({ database, table: a }, b)
      await print.done(`'${database}.${a}' and '${database}.${b}' are swapped.`, {
        database,
        table1: a,
        table2: b,
        swapped: true,
      })
    },
  }),
  command({
    name: 'table:rename',
    aliases: ['rename-table'],
    topic: 'tables',
    summary: 'give a table another name',
    arguments: [DATABASE, TABLE, { name: 'NEW', help: 'the new name' }],
    options: { overwrite: { kind: 'switch', help: 'in place of a table that has the name' } },
    examples: [
      ['millrace table:rename shop orders orders_2024', 'in one step'],
      [
        'millrace table:rename shop orders_new orders --overwrite',
        'the table that was called orders is deleted',
      ],
    ],
    async run({ api, print }, { words: { DATABASE: database, TABLE: table, NEW: to }, options }) {
      await api().tables.rename({ database, table }, to, options.overwrite)
      await print.done(`'${database}.${table}' is renamed to '${database}.${to}'.`, {
        database,
        table: to,
        renamed: true,
      })
    },
  }),
  command({
    name: 'table:move',
    topic: 'tables',
    summary: 'move a table to another database',
    arguments: [DATABASE, TABLE, { ...DATABASE, name: 'TO' }],
    options: {},
    examples: [['millrace table:move shop orders archive', 'it is archive.orders afterwards']],
    async run({ api, print }, { words: { DATABASE: database, TABLE: table, TO: to } }) {
      await api().tables.move({ database, table }, to)
      await print.done(`'${database}.${table}' is now '${to}.${table}'.`, {
        database: to,
        table,
        moved: true,
      })
    },
  }),
  command({
    name: 'table:update',
    topic: 'tables',
    summary: 'change the settings of a table',
    arguments: [DATABASE, TABLE],
    options: SETTINGS,
    examples: [
      ['millrace table:update shop orders --detect-schema false', 'new keys become no columns any more'],
    ],
    async run({ api, print }, { words, options }) {
      const at = { database: words.DATABASE, table: words.TABLE }
      const settings = settingsOf(options)
      if (Object.values(settings).every((value) => value === undefined))
        throw usageError('nothing to change was given', "See 'millrace help table:update'.")
      await api().tables.update(at, settings)
      await print.done(`Table '${at.database}.${at.table}' is changed.`, {
        ...at,
        ...settings,
        updated: true,
      })
    },
  }),
  command({
    name: 'table:expire',
    aliases: ['expire-table'],
    topic: 'tables',
    summary: 'let rows end so many days after their time',
    arguments: [DATABASE, TABLE, { name: 'DAYS', help: 'how many; 0 for never' }],
    options: {},
    examples: [
      ['millrace table:expire shop visits 90', 'rows older than 90 days go, now and from now on'],
      ['millrace table:expire shop visits 0', 'rows stay'],
    ],
    async run({ api, print }, { words: { DATABASE: database, TABLE: table, DAYS: days } }) {
      if (!/^\d{1,6}$/.test(days)) throw usageError(`DAYS is a number from 0, not '${days}'`)
      await api().tables.update({ database, table }, { expire_days: Number(days) })
      const text =
        Number(days) === 0
          ? `Data of '${database}.${table}' never expires.`
          : `Data of '${database}.${table}' expires in ${days} days.`
      await print.done(text, { database, table, expire_days: Number(days) })
    },
  }),
]

/** At most so many at once, the answers in the order of what was asked. */
async function inTurns<T, R>(
  items: readonly T[],
  atOnce: number,
  ask: (item: T) => Promise<R>,
): Promise<R[]> {
  const answers: R[] = new Array(items.length)
  let next = 0
  const worker = async () => {
    while (next < items.length) {
      const mine = next++
      answers[mine] = await ask(items[mine]!)
    }
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker))
  return answers
}

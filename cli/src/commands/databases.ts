import { command } from '../command.ts'
import { failure } from '../errors.ts'
import { DATABASE, force, formatOf, listFormat } from './common.ts'
import { columnsText, schemaOf } from './schema-text.ts'

export const databaseCommands = [
  command({
    name: 'db:list',
    aliases: ['dbs', 'database:list', 'databases', 'show-databases', 'show-dbs'],
    topic: 'databases',
    summary: 'list the databases you may use',
    arguments: [],
    options: listFormat,
    examples: [
      ['millrace db:list', 'name and rows of each'],
      ['millrace db:list -f csv', 'for a spreadsheet'],
      ['millrace db:list --json', 'with ids, permissions and times'],
    ],
    async run({ api, print }, { options }) {
      const databases = await api().databases.list()
      await print.list(
        {
          columns: [{ name: 'Name' }, { name: 'Count', align: 'right' }],
          rows: databases.map(({ name, count }) => [name, count]),
          objects: databases,
        },
        formatOf(options),
      )
    },
  }),
  command({
    name: 'db:show',
    aliases: ['db', 'database:show', 'database', 'show-database'],
    topic: 'databases',
    summary: 'list the tables of a database',
    arguments: [DATABASE],
    options: listFormat,
    examples: [['millrace db:show shop', 'tables with rows and columns']],
    async run({ api, print }, { words, options }) {
      const tables = await api().tables.list(words.DATABASE)
      await print.list(
        {
          columns: [
            { name: 'Table' },
            { name: 'Type' },
            { name: 'Count', align: 'right' },
            { name: 'Schema' },
          ],
          rows: tables.map((table) => [table.name, table.type, table.count, columnsText(schemaOf(table))]),
          objects: tables,
        },
        formatOf(options),
      )
    },
  }),
  command({
    name: 'db:create',
    aliases: ['database:create', 'create-database', 'create-db'],
    topic: 'databases',
    summary: 'create a database',
    about: ['Names have 3 to 255 characters of a-z, 0-9 and _. They are never changed on the way.'],
    arguments: [DATABASE],
    options: {},
    examples: [['millrace db:create shop', 'an empty database called shop']],
    async run({ api, print }, { words: { DATABASE: name } }) {
      const { settledBy } = await api().databases.create(name)
      await print.done(`Database '${name}' is created.`, {
        database: name,
        created: true,
        repeated: settledBy !== undefined,
      })
    },
  }),
  command({
    name: 'db:delete',
    aliases: ['database:delete', 'delete-database', 'delete-db', 'drop-database', 'drop-db'],
    topic: 'databases',
    summary: 'delete a database with all its tables',
    about: [
      "Asks when there are tables in it. What was deleted can be brought back for a while with 'millrace db:undelete'.",
    ],
    arguments: [DATABASE],
    options: force('do not ask'),
    examples: [
      ['millrace db:delete shop', 'asks first when it has tables'],
      ['millrace db:delete shop -f', 'does not'],
    ],
    async run({ api, print, confirm }, { words: { DATABASE: name }, options }) {
      if (!options.force) {
        const tables = await api().tables.list(name)
        const question = `Database '${name}' has ${tables.length} ${tables.length === 1 ? 'table' : 'tables'}. Delete it?`
        if (tables.length > 0 && !(await confirm(question))) throw failure('not deleted')
      }
      await api().databases.delete(name)
      await print.done(`Database '${name}' is deleted.`, { database: name, deleted: true })
    },
  }),
  command({
    name: 'db:undelete',
    aliases: ['database:undelete'],
    topic: 'databases',
    summary: 'bring back a database that was deleted, with its tables',
    arguments: [{ name: 'DATABASE', help: 'its name' }],
    options: {},
    examples: [['millrace db:undelete shop', 'as long as the server keeps what was deleted']],
    async run({ api, print }, { words: { DATABASE: name } }) {
      await api().databases.undelete(name)
      await print.done(`Database '${name}' is back.`, { database: name, restored: true })
    },
  }),
]

import { command } from '../command.ts'
import type { Context } from '../context.ts'
import { failure, usageError } from '../errors.ts'
import { DATABASE, TABLE } from './common.ts'
import { columnOf, columnText, type SchemaColumn, schemaOf, schemaText } from './schema-text.ts'

const COLUMNS = {
  name: 'COLUMN',
  help: 'NAME:TYPE or NAME:TYPE@ALIAS; types are int, long, float, double, string, array<T>, map<K,V>',
  many: true,
} as const

type At = { database: string; table: string }
const atOf = (words: { DATABASE: string; TABLE: string }): At => ({
  database: words.DATABASE,
  table: words.TABLE,
})

export const schemaCommands = [
  command({
    name: 'schema:show',
    aliases: ['schema'],
    topic: 'tables',
    summary: 'show the columns of a table',
    arguments: [DATABASE, TABLE],
    options: {},
    examples: [
      ['millrace schema:show shop orders', 'NAME:TYPE, and what SQL calls it when that is another name'],
    ],
    async run({ api, print }, { words }) {
      const at = atOf(words)
      const columns = schemaOf(await api().tables.show(at))
      const lines = columns.map((column) => `  ${columnText(column)}\n`).join('')
      if (print.isJson) await print.json(columns)
      else await print.write(`${at.database}.${at.table} (\n${lines})\n`)
    },
  }),
  command({
    name: 'schema:set',
    topic: 'tables',
    summary: 'replace the columns of a table by these',
    about: [
      'Rows stay as they are stored: a column that is not named any more is not seen, and comes back when it is named again.',
    ],
    arguments: [DATABASE, TABLE, { ...COLUMNS, optional: true }],
    options: {},
    examples: [['millrace schema:set shop orders item:string amount:double', 'these two']],
    async run(context, { words }) {
      await setSchema(context, atOf(words), words.COLUMN.map(columnOf))
    },
  }),
  command({
    name: 'schema:add',
    topic: 'tables',
    summary: 'add columns to a table',
    arguments: [DATABASE, TABLE, COLUMNS],
    options: {},
    examples: [
      ['millrace schema:add shop orders discount:double', 'one more'],
      ["millrace schema:add shop orders 'Ship To:string@ship_to'", 'SQL calls it ship_to'],
    ],
    async run({ api, print }, { words }) {
      const at = atOf(words)
      const added = words.COLUMN.map(columnOf)
      const known = new Set(schemaOf(await api().tables.show(at)).map(({ key }) => key))
      const twice = added.find(({ key }) => known.has(key))
      if (twice !== undefined)
        throw failure(
          `column '${twice.key}' is there already`,
          `'millrace schema:show ${at.database} ${at.table}' lists them; schema:set changes them.`,
        )
      // Only the new ones are sent: columns that an import brings meanwhile are not lost.
      await api().tables.appendSchema(at, schemaText(added))
      await print.done(
        `${added.length} ${added.length === 1 ? 'column is' : 'columns are'} added to '${at.database}.${at.table}'.`,
        { ...at, added },
      )
    },
  }),
  command({
    name: 'schema:remove',
    topic: 'tables',
    summary: 'take columns out of the schema of a table',
    about: ['Rows stay as they are stored: the column is not seen, and comes back when it is added again.'],
    arguments: [DATABASE, TABLE, { name: 'COLUMN', help: 'names of columns', many: true }],
    options: {},
    examples: [['millrace schema:remove shop orders discount', 'one of them']],
    async run(context, { words }) {
      const at = atOf(words)
      const columns = schemaOf(await context.api().tables.show(at))
      const missing = words.COLUMN.find((name) => !columns.some(({ key }) => key === name))
      if (missing !== undefined)
        throw failure(
          `there is no column '${missing}'`,
          `'millrace schema:show ${at.database} ${at.table}' lists them.`,
        )
      await setSchema(
        context,
        at,
        columns.filter(({ key }) => !words.COLUMN.includes(key)),
      )
    },
  }),
]

async function setSchema({ api, print }: Context, at: At, columns: SchemaColumn[]): Promise<void> {
  const names = columns.map(({ key }) => key)
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  if (twice !== undefined) throw usageError(`column '${twice}' is named twice`)
  await api().tables.updateSchema(at, schemaText(columns))
  await print.done(`Schema of '${at.database}.${at.table}' is updated.`, { ...at, columns })
}

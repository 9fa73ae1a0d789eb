import { command } from '../command.ts'
import { failure, usageError } from '../errors.ts'
import { elementsOf } from '../output/json-row.ts'
import { localTime } from '../output/times.ts'
import { DATABASE, force, formatOf, listFormat, TABLE } from './common.ts'
import { unixSeconds } from './instants.ts'
import { priorityOf } from './priority.ts'
import { RUN_OPTIONS } from './query.ts'
import { startedJob } from './start-job.ts'

/** What is done with the rows of a table, besides importing them. */
export const tableDataCommands = [
  command({
    name: 'table:tail',
    aliases: ['tail'],
    topic: 'tables',
    summary: 'show the rows that were stored last',
    arguments: [DATABASE, TABLE],
    options: {
      count: { kind: 'integer', short: 'n', placeholder: 'N', least: 1, most: 1000, help: 'so many (10)' },
      pretty: { kind: 'switch', short: 'P', help: 'a line for each value' },
    },
    examples: [
      ['millrace table:tail shop orders', 'ten rows, a JSON object each'],
      ['millrace table:tail shop orders -n 100 | jq .item', 'one key of the last hundred'],
    ],
    async run({ api, print, json }, { words, options }) {
      const text = await api().tables.tail(
        { database: words.DATABASE, table: words.TABLE },
        options.count ?? 10,
      )
      if (json) return print.write(`${text}\n`)
      for (const row of elementsOf(text))
        await print.write(`${options.pretty ? JSON.stringify(JSON.parse(row), null, 2) : row}\n`)
    },
  }),
  command({
    name: 'table:partial_delete',
    topic: 'tables',
    summary: 'delete the rows of whole hours, as a job',
    arguments: [DATABASE, TABLE],
    options: {
      from: { kind: 'text', short: 't', placeholder: 'TIME', help: 'from this time on' },
      to: { kind: 'text', placeholder: 'TIME', help: 'up to this time, without it' },
      wait: { kind: 'switch', short: 'w', help: 'wait for the end' },
      ...force('do not ask'),
    },
    examples: [
      [
        "millrace table:partial_delete shop orders --from '2024-05-01 00:00:00 UTC' --to '2024-05-02 00:00:00 UTC' -w",
        'one day of rows',
      ],
      [
        'millrace table:partial_delete shop orders --from 1714521600 --to 1714525200 -f',
        'one hour, without being asked',
      ],
    ],
    async run(context, { words, options }) {
      const { api, print, confirm, newId, now, json } = context
      const at = { database: words.DATABASE, table: words.TABLE }
      if (options.from === undefined || options.to === undefined)
        throw usageError('--from and --to are needed')
      const span = { from: unixSeconds(options.from, now()), to: unixSeconds(options.to, now()) }
      if (!options.force) {
        const [from, to] = [span.from, span.to].map((seconds) => new Date(seconds * 1000).toISOString())
        if (!(await confirm(`Delete the rows of '${at.database}.${at.table}' from ${from} to ${to}?`)))
          throw failure('not deleted')
      }
      const id = await api().tables.partialDelete(at, span, newId())
      await startedJob(context, id, { isWaiting: options.wait, value: { ...at, ...span } })
      if (options.wait && !json) print.note('Deleted.')
    },
  }),
  command({
    name: 'table:export',
    aliases: ['export:table'],
    topic: 'tables',
    summary: 'write a table into a file in a bucket, as a job',
    about: [
      'A Millrace writes into a directory of its own (its operator names it with MILLRACE_EXPORT_DIRECTORY), as ACCOUNT/BUCKET/PREFIX…JOB.FORMAT; keys of S3 are not needed then.',
    ],
    arguments: [DATABASE, TABLE],
    options: {
      's3-bucket': { kind: 'text', short: 'b', placeholder: 'NAME', help: 'the bucket' },
      'aws-key-id': { kind: 'text', short: 'k', placeholder: 'KEY', help: 'the access key' },
      'aws-secret-key': {
        kind: 'text',
        short: 's',
        placeholder: 'SECRET',
        help: 'its secret (AWS_SECRET_ACCESS_KEY)',
      },
      prefix: { kind: 'text', short: 'p', placeholder: 'PREFIX', help: 'how the names of the files begin' },
      'file-format': {
        kind: 'text',
        short: 'F',
        placeholder: 'FORMAT',
        choices: ['json.gz', 'jsonl.gz', 'tsv.gz', 'line-json.gz'],
        help: 'the format of the files',
      },
      from: { kind: 'text', short: 'f', placeholder: 'TIME', help: 'rows from this time on' },
      to: { kind: 'text', short: 't', placeholder: 'TIME', help: 'rows up to this time' },
      priority: RUN_OPTIONS.priority,
      retry: RUN_OPTIONS.retry,
      'pool-name': RUN_OPTIONS['pool-name'],
      wait: { kind: 'switch', short: 'w', help: 'wait for the end' },
    },
    examples: [
      ['millrace table:export shop orders --s3-bucket backup --aws-key-id AKIA… -F jsonl.gz -w', 'all of it'],
    ],
    async run(context, { words, options }) {
      const { api, newId, now, env } = context
      const time = (text: string | undefined) => (text === undefined ? undefined : unixSeconds(text, now()))
      const at = { database: words.DATABASE, table: words.TABLE }
      const id = await api().tables.export(
        at,
        {
          storage_type: 's3',
          bucket: options['s3-bucket'],
          access_key_id: options['aws-key-id'] ?? env.AWS_ACCESS_KEY_ID,
          secret_access_key: options['aws-secret-key'] ?? env.AWS_SECRET_ACCESS_KEY,
          file_prefix: options.prefix,
          file_format: options['file-format'] ?? 'json.gz',
          from: time(options.from),
          to: time(options.to),
          priority: priorityOf(options.priority),
          retry_limit: options.retry,
          pool_name: options['pool-name'],
        },
        newId(),
      )
      await startedJob(context, id, { isWaiting: options.wait, value: at })
    },
  }),
  command({
    name: 'table:errors',
    topic: 'import',
    summary: 'list what was accepted and could not be stored, with the reason',
    arguments: [
      { ...DATABASE, optional: true },
      { ...TABLE, optional: true },
    ],
    options: {
      limit: {
        kind: 'integer',
        short: 'n',
        placeholder: 'N',
        least: 1,
        most: 1000,
        help: 'at most so many (100)',
      },
      ...listFormat,
    },
    examples: [
      ['millrace table:errors shop orders', 'of one table, the newest first'],
      ['millrace table:errors', 'of all of them, for administrators'],
    ],
    async run({ api, print }, { words, options }) {
      if (words.DATABASE !== undefined && words.TABLE === undefined)
        throw usageError('name DATABASE and TABLE, or neither')
      const at = words.DATABASE === undefined ? undefined : { database: words.DATABASE, table: words.TABLE! }
      const records = await api().tables.errors(at, options.limit ?? 100)
      await print.list(
        {
          columns: [
            { name: 'ID', align: 'right' },
            { name: 'Database' },
            { name: 'Table' },
            { name: 'Received' },
            { name: 'By' },
            { name: 'Records', align: 'right' },
            { name: 'Bytes', align: 'right' },
            { name: 'Reason' },
          ],
          rows: records.map((record) => [
            record.id,
            record.database,
            record.table,
            localTime(record.received_at),
            record.channel,
            record.records,
            record.bytes,
            record.reason,
          ]),
          objects: records,
        },
        formatOf(options),
      )
    },
  }),
]

import { gzipSync } from 'node:zlib'
import { Refused, path as urlPath } from '../api/index.ts'
import { command } from '../command.ts'
import { DATABASE, TABLE } from '../commands/common.ts'
import type { Context } from '../context.ts'
import { CliError, usageError } from '../errors.ts'
import { EXIT } from '../exit-codes.ts'
import { CHUNK_LIMITS } from './chunks.ts'
import { type FileReport, importFile, rowsText } from './files.ts'
import { createMeter } from './meter.ts'
import { READING_OPTIONS, readingIn, readingOf } from './options.ts'
import { patiently } from './patience.ts'
import type { Wish } from './plan.ts'

export const importCommands = [
  command({
    name: 'table:import',
    topic: 'import',
    summary: 'import files into a table',
    about: [
      'Every row is stored once, whatever happens: while the server is away the import waits; when it is ended (Ctrl-C, a crash, a reboot), the same command goes on from where it stopped. A file that was imported to its end is not stored a second time.',
      'Rows that cannot be read are counted, the first of them shown with line and reason; the exit code is then 5.',
      'Files may be gzip or zstd. Of CSV, a bare field that is empty or \\N is null, one that reads as a number is a number; 007 and everything in quotes is text.',
    ],
    arguments: [
      DATABASE,
      TABLE,
      { name: 'FILE', many: true, completes: 'file', help: 'files to import; - is standard input' },
    ],
    options: {
      ...READING_OPTIONS,
      'auto-create-table': { kind: 'switch', help: 'create database and table where they do not exist' },
      'save-rejected': { kind: 'switch', help: 'write rows that cannot be read to FILE.rejected' },
      restart: {
        kind: 'switch',
        help: 'begin at the beginning, also when the file has changed; rows that are as they were are not stored twice',
      },
      again: { kind: 'switch', help: 'store a file that was imported before once more' },
      'import-name': {
        kind: 'text',
        placeholder: 'NAME',
        help: 'know the file again by this name instead of its path; for standard input, and files that move',
      },
      parallel: {
        kind: 'integer',
        placeholder: 'N',
        least: 1,
        most: 16,
        help: 'requests under way at once (4)',
      },
      'chunk-size': {
        kind: 'integer',
        placeholder: 'MIB',
        least: 1,
        most: 32,
        help: 'size of a request before compression (8); smaller where a proxy refuses large ones',
      },
    },
    examples: [
      [
        'millrace table:import shop orders orders.csv --time-key created_at',
        'columns from the first line, time from created_at',
      ],
      [
        'millrace table:import shop orders *.json.gz --auto-create-table',
        'lines or arrays of JSON, compressed',
      ],
      [
        'millrace table:import logs access /var/log/apache2/access.log --apache',
        'a log file; the same command later: --restart takes what was added',
      ],
      [
        'pg_dump … | millrace table:import shop users - --format tsv --columns id,name,at --time-key at --import-name users-2026-11',
        'what comes through a pipe, under a name, so that it can be gone on with',
      ],
    ],
    async run(context, { words, options }) {
      const { restart, again } = options
      if (restart && again)
        throw usageError(
          '--restart does not store twice what is stored, --again does: only one of them can be meant',
        )
      if (options['import-name'] !== undefined && words.FILE.length > 1)
        throw usageError('--import-name is the name of one file')
      if (words.FILE.filter((file) => file === '-').length > 1)
        throw usageError('standard input can be read once')
      const wish: Wish = again ? 'again' : restart ? 'restart' : 'go on'
      const at = { database: words.DATABASE, table: words.TABLE }
      const nowSeconds = Math.floor(context.now().getTime() / 1000)
      // Looked at before anything is sent.
      for (const file of words.FILE) readingOf(options, file, nowSeconds)
      const prepare = once(() => prepareTable(context, at, options['auto-create-table']))
      const meter = createMeter(context)
      const reports: FileReport[] = []
      for (const file of words.FILE) {
        const report = await importFile(
          file,
          {
            wish,
            name: options['import-name'],
            saveRejected: options['save-rejected'],
            parallel: options.parallel ?? 4,
            limits: {
              ...CHUNK_LIMITS,
              bytes: (options['chunk-size'] ?? CHUNK_LIMITS.bytes / 2 ** 20) * 2 ** 20,
            },
          },
          {
            ...context,
            target: { endpoint: context.settings().importEndpoint.origin, ...at },
            reading: (format) =>
              format === undefined
                ? readingOf(options, file, nowSeconds)
                : readingIn(format, options, nowSeconds),
            prepare,
            store: ({ id }, body) => storeChunk(context, at, id, body),
            onProgress: meter.show,
          },
        )
        context.progress.end()
        if (!report.already && !context.json) context.print.note(lineOf(report, at))
        reports.push(report)
      }
      return conclude(context, at, reports)
    },
  }),
]

type Place = { database: string; table: string }

async function conclude({ print, json }: Context, at: Place, files: FileReport[]): Promise<number> {
  const sum = (pick: (report: FileReport) => number) =>
    files.reduce((total, report) => total + pick(report), 0)
  const rows = sum((report) => report.rows)
  const rejected = sum((report) => report.rejected)
  if (json) await print.json({ ...at, rows, rejected, files })
  else if (files.length > 1)
    print.note(
      `${rowsText(rows)} of ${files.length} files are in ${at.database}.${at.table}${rejected === 0 ? '' : `; ${count(rejected)} could not be read`}`,
    )
  return rejected > 0 ? EXIT.rejected : EXIT.done
}

function lineOf(
  { file, rows, rejected, rows_before: before }: FileReport,
  { database, table }: Place,
): string {
  const parts = [
    `${file}: ${rowsText(rows)} stored in ${database}.${table}`,
    before > 0 ? `${count(before)} of them by an earlier run` : '',
    rejected > 0 ? `${count(rejected)} could not be read` : '',
  ]
  return parts.filter(Boolean).join(', ')
}

/** @returns the number of the table, where this key may see it. @throws failed (1) when there is no such table */
async function prepareTable(context: Context, at: Place, autoCreate: boolean): Promise<string | undefined> {
  const { api, print, json } = context
  if (autoCreate) {
    const made = await createMissing(context, at)
    if (made !== undefined && !json) print.note(made)
  }
  try {
    const { id } = await api().call.json<{ id?: number | string }>({
      does: `look up the table '${at.database}.${at.table}'`,
      path: urlPath`/v3/table/show/${at.database}/${at.table}`,
      isPatient: true,
    })
    return id === undefined ? undefined : String(id)
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    if (error.status === 403) return askByImporting(context, at)
    throw explainedMissing(error, at, autoCreate)
  }
}

/** For keys that may only import: nothing, imported, is answered 404 when the table is missing (fluent-plugin-td asks like this). */
async function askByImporting({ api }: Context, at: Place): Promise<undefined> {
  await api()
    .call.write({
      does: `look for the table '${at.database}.${at.table}'`,
      method: 'PUT',
      path: urlPath`/v3/table/import/${at.database}/${at.table}/msgpack.gz`,
      body: gzipSync(Buffer.alloc(0)),
      repeat: 'same',
      look: `millrace table:show ${at.database} ${at.table}`,
      isImport: true,
    })
    .catch((error: unknown) => {
      throw error instanceof Refused ? explainedMissing(error, at, false) : error
    })
}

function explainedMissing(error: Refused, { database, table }: Place, autoCreate: boolean): CliError {
  if (error.status !== 404 || autoCreate) return error
  return new CliError(error.message, {
    code: error.code,
    exitCode: error.exitCode,
    help: `--auto-create-table makes it, or: millrace table:create ${database} ${table}`,
    cause: error,
  })
}

/** A key that may only import may not create; whether the table is there shows at the import. */
async function createMissing(
  { api, newId }: Pick<Context, 'api' | 'newId'>,
  at: Place,
): Promise<string | undefined> {
  const tolerated = async (statuses: number[], work: Promise<unknown>): Promise<boolean> => {
    try {
      await work
      return true
    } catch (error) {
      if (error instanceof Refused && statuses.includes(error.status)) return false
      throw error
    }
  }
  const { databases, tables } = api()
  await tolerated([403, 409], databases.create(at.database))
  const isMade = await tolerated([403, 409], tables.create(at, {}, newId()))
  return isMade ? `Table '${at.database}.${at.table}' is created.` : undefined
}

/** Until the server has it for good. The id makes any number of repeats one. */
async function storeChunk(context: Context, at: Place, id: string, body: Buffer): Promise<void> {
  const send = () =>
    context.api().call.write({
      does: `store rows in '${at.database}.${at.table}'`,
      method: 'PUT',
      path: urlPath`/v3/table/import_with_id/${at.database}/${at.table}/${id}/msgpack.gz`,
      body,
      repeat: 'same',
      look: 'the same command again: what is stored already is not stored twice',
      isImport: true,
    })
  await patiently(context, send).catch((error: unknown) => {
    throw error instanceof Refused && error.status === 413 ? tooLarge(error) : error
  })
}

function tooLarge(error: Refused): CliError {
  return new CliError(`the request is too large: ${error.message}`, {
    code: error.code,
    exitCode: error.exitCode,
    help: 'A proxy in front of the server may allow less than the server does: --chunk-size 1 sends smaller ones.',
    cause: error,
  })
}

function once<T>(work: () => Promise<T>): () => Promise<T> {
  let done: Promise<T> | undefined
  return () => {
    done ??= work()
    return done
  }
}

function count(n: number): string {
  return n.toLocaleString('en')
}

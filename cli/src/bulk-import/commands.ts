import { command } from '../command.ts'
import { DATABASE, formatOf, listFormat, TABLE } from '../commands/common.ts'
import { followJob } from '../commands/follow-job.ts'
import { startedJob } from '../commands/start-job.ts'
import type { Context } from '../context.ts'
import { failure, usageError } from '../errors.ts'
import { EXIT } from '../exit-codes.ts'
import { READING_OPTIONS } from '../import/options.ts'
import { partNameOf } from './part-files.ts'
import { prepareParts } from './prepare.ts'
import { type Session, sessionCalls, unlessSo } from './sessions.ts'
import { deleteParts, uploadFiles, uploadParts } from './upload.ts'

const SESSION = { name: 'SESSION', help: 'the name of a bulk import session' } as const
const callsOf = (context: Context) => sessionCalls(context.api())
const wait = { wait: { kind: 'switch', short: 'w', help: 'wait for the end' } } as const
const parallel = {
  parallel: { kind: 'integer', placeholder: 'N', least: 1, most: 8, help: 'uploads at once (2)' },
} as const
const prefix = {
  prefix: { kind: 'text', short: 'P', placeholder: 'TEXT', help: 'put this before the names of the parts' },
} as const
const SPLIT_SIZE = {
  kind: 'integer',
  short: 's',
  placeholder: 'KB',
  least: 64,
  most: 262_144,
  help: 'size of a part before compression (32768)',
} as const
const POLL_MS = 1_000

/** create → upload → (freeze) → perform → look → commit → delete; docs/guides/bulk-import.md. */
export const bulkImportCommands = [
  command({
    name: 'bulk_import:list',
    aliases: ['bulk_imports', 'import:list'],
    topic: 'import',
    summary: 'list the bulk import sessions',
    arguments: [],
    options: listFormat,
    examples: [['millrace bulk_import:list', 'with their states and counts']],
    async run(context, { options }) {
      const sessions = await callsOf(context).list()
      const right = { align: 'right' } as const
      await context.print.list(
        {
          columns: [
            { name: 'Name' },
            { name: 'Table' },
            { name: 'Status' },
            { name: 'Frozen' },
            { name: 'JobID', ...right },
            { name: 'Valid Parts', ...right },
            { name: 'Error Parts', ...right },
            { name: 'Valid Records', ...right },
            { name: 'Error Records', ...right },
          ],
          rows: sessions.map((one) => [
            one.name,
            `${one.database}.${one.table}`,
            capital(one.status),
            one.upload_frozen ? 'Frozen' : '',
            one.job_id,
            one.valid_parts,
            one.error_parts,
            one.valid_records,
            one.error_records,
          ]),
          objects: sessions,
        },
        formatOf(options),
      )
    },
  }),
  command({
    name: 'bulk_import:show',
    aliases: ['import:show'],
    topic: 'import',
    summary: 'show a session and its parts',
    arguments: [SESSION],
    options: {},
    examples: [['millrace bulk_import:show orders_2026_11', 'state, counts and parts']],
    async run(context, { words }) {
      const sessions = callsOf(context)
      const session = await sessions.show(words.SESSION)
      const parts = await sessions.parts(words.SESSION)
      await context.print.block(
        [
          ['Name', session.name],
          ['Database', session.database],
          ['Table', session.table],
          ['Status', capital(session.status)],
          ['Frozen', String(session.upload_frozen)],
          ['JobID', session.job_id],
          ['Valid Records', session.valid_records],
          ['Error Records', session.error_records],
          ['Valid Parts', session.valid_parts],
          ['Error Parts', session.error_parts],
          ['Uploaded Parts', parts.length === 0 ? '' : `\n${parts.join('\n')}`],
        ],
        { ...session, parts },
      )
    },
  }),
  command({
    name: 'bulk_import:create',
    aliases: ['import:create'],
    topic: 'import',
    summary: 'begin a bulk import session',
    about: [
      'Parts are uploaded into it, a job makes rows of them, and the commit makes all of them visible at once.',
    ],
    arguments: [SESSION, DATABASE, TABLE],
    options: {},
    examples: [['millrace bulk_import:create orders_2026_11 shop orders', 'for the table shop.orders']],
    async run(context, { words: { SESSION: name, DATABASE: database, TABLE: table } }) {
      await callsOf(context).create(name, database, table)
      await context.print.done(`Bulk import session '${name}' is created.`, { name, database, table })
    },
  }),
  command({
    name: 'bulk_import:prepare_parts',
    topic: 'import',
    summary: 'make parts of files, on this machine',
    about: [
      'What prepare_parts writes is the same each time, so a repeat after an interruption replaces it.',
    ],
    arguments: [{ name: 'FILE', many: true, completes: 'file', help: 'files to read' }],
    options: {
      ...READING_OPTIONS,
      output: {
        kind: 'text',
        short: 'o',
        placeholder: 'DIR',
        completes: 'file',
        help: 'where the parts are written',
      },
      'split-size': SPLIT_SIZE,
      'save-rejected': { kind: 'switch', help: 'write rows that cannot be read to FILE.rejected' },
    },
    examples: [
      [
        'millrace bulk_import:prepare_parts orders.csv --time-key at -o parts',
        'parts/orders_0.msgpack.gz, …',
      ],
    ],
    async run(context, { words, options }) {
      if (options.output === undefined) throw usageError('--output DIR is needed')
      const done = await prepareParts(context, words.FILE, {
        directory: options.output,
        limits: limitsOf(options),
        saveRejected: options['save-rejected'],
        reading: options,
      })
      await context.print.done(
        `${done.rows.toLocaleString('en')} rows in ${done.parts.length} parts${done.rejected > 0 ? `; ${done.rejected.toLocaleString('en')} could not be read` : ''}`,
        done,
      )
      return done.rejected > 0 ? EXIT.rejected : EXIT.done
    },
  }),
  command({
    name: 'bulk_import:upload_part',
    topic: 'import',
    summary: 'upload a file as one part',
    arguments: [
      SESSION,
      { name: 'PART', help: 'the name of the part' },
      { name: 'FILE', completes: 'file', help: 'the file' },
    ],
    options: {},
    examples: [
      ['millrace bulk_import:upload_part orders_2026_11 p1 p1.msgpack.gz', 'a part of that name is replaced'],
    ],
    async run(context, { words: { SESSION: session, PART: part, FILE: path } }) {
      await uploadParts(context, callsOf(context), [{ path, part }], { session, parallel: 1, again: true })
      await context.print.done(`Part '${part}' is uploaded.`, { name: session, part })
    },
  }),
  command({
    name: 'bulk_import:upload_parts',
    topic: 'import',
    summary: 'upload files as parts, as they are',
    about: [
      'msgpack.gz, json.gz, csv.gz and tsv.gz are understood. Run again after an interruption it sends only what is missing; a file that has changed replaces its part.',
    ],
    arguments: [SESSION, { name: 'FILE', many: true, completes: 'file', help: 'files; each becomes a part' }],
    options: {
      ...prefix,
      ...parallel,
      'use-suffix': {
        kind: 'integer',
        short: 's',
        placeholder: 'N',
        least: 0,
        help: 'keep N of the dots of the file name in the name of the part (0)',
      },
      'auto-perform': { kind: 'switch', help: 'perform when all parts are there' },
      again: { kind: 'switch', help: 'send also what is there already' },
    },
    examples: [['millrace bulk_import:upload_parts orders_2026_11 parts/*', 'two at a time']],
    async run(context, { words: { SESSION: session, FILE: files }, options }) {
      const naming = { prefix: options.prefix ?? '', suffixes: options['use-suffix'] ?? 0 }
      const parts = files.map((path) => ({ path, part: partNameOf(path, naming) }))
      const twice = parts.find(({ part }, i) => parts.findIndex((one) => one.part === part) !== i)
      if (twice !== undefined)
        throw usageError(
          `two files would be the part '${twice.part}'`,
          '--use-suffix keeps more of their names, --prefix tells calls apart.',
        )
      const sessions = callsOf(context)
      const sent = await uploadParts(context, sessions, parts, {
        session,
        parallel: options.parallel ?? 2,
        again: options.again,
      })
      if (options['auto-perform'])
        return startedJob(context, await sessions.perform(session), {
          isWaiting: false,
          value: { name: session },
        })
      await context.print.done('done.', {
        name: session,
        parts: parts.map(({ part }) => part),
        sent: sent.length,
      })
    },
  }),
  command({
    name: 'bulk_import:upload',
    aliases: ['import:upload', 'import:auto'],
    topic: 'import',
    summary: 'read files and upload them as parts, to the commit when asked',
    about: [
      'Reads what table:import reads, in any size, and makes parts on the way. Run again after an interruption it goes on: what the session has is not sent again.',
    ],
    arguments: [
      SESSION,
      { name: 'FILE', many: true, completes: 'file', help: 'files to read; - is standard input' },
    ],
    options: {
      ...READING_OPTIONS,
      ...parallel,
      'split-size': SPLIT_SIZE,
      'auto-create': {
        kind: 'text',
        placeholder: 'DATABASE.TABLE',
        help: 'create the session, and database and table where they do not exist',
      },
      'auto-perform': { kind: 'switch', help: 'perform when everything is uploaded, and wait' },
      'auto-commit': {
        kind: 'switch',
        help: 'commit when performing has ended well; not when records were refused',
      },
      'auto-delete': { kind: 'switch', help: 'delete the session after the commit' },
      'save-rejected': { kind: 'switch', help: 'write rows that cannot be read to FILE.rejected' },
      restart: { kind: 'switch', help: 'begin at the beginning of files that have changed' },
    },
    examples: [
      [
        'millrace bulk_import:upload orders_2026_11 orders.csv.gz --time-key at --auto-create shop.orders --auto-perform --auto-commit --auto-delete',
        'everything, to the end',
      ],
    ],
    async run(context, { words: { SESSION: session, FILE: files }, options }) {
      const sessions = callsOf(context)
      if (options['auto-create'] !== undefined) await createAll(context, session, options['auto-create'])
      const reports = await uploadFiles(context, sessions, files, {
        session,
        parallel: options.parallel ?? 2,
        wish: options.restart ? 'restart' : 'go on',
        saveRejected: options['save-rejected'],
        limits: limitsOf(options),
        reading: options,
      })
      const sum = (pick: (report: (typeof reports)[number]) => number) =>
        reports.reduce((total, one) => total + pick(one), 0)
      const rejected = sum((one) => one.rejected)
      const summary = { name: session, rows: sum((one) => one.rows), rejected, files: reports }
      if (!context.json)
        context.print.note(
          `${summary.rows.toLocaleString('en')} rows of ${files.length} files are in the session '${session}'${rejected > 0 ? `; ${rejected.toLocaleString('en')} could not be read` : ''}.`,
        )
      const isToPerform = options['auto-perform'] || options['auto-commit'] || options['auto-delete']
      const state = isToPerform ? await performToEnd(context, session, options) : undefined
      if (context.json)
        await context.print.json({ ...summary, ...(state === undefined ? {} : { status: state }) })
      return rejected > 0 ? EXIT.rejected : EXIT.done
    },
  }),
  command({
    name: 'bulk_import:delete_part',
    topic: 'import',
    summary: 'delete a part',
    arguments: [SESSION, { name: 'PART', help: 'the name of the part' }],
    options: {},
    examples: [['millrace bulk_import:delete_part orders_2026_11 p1', 'before performing']],
    async run(context, { words: { SESSION: session, PART: part } }) {
      await callsOf(context).deletePart(session, part)
      await context.print.done(`Part '${part}' is deleted.`, { name: session, part })
    },
  }),
  command({
    name: 'bulk_import:delete_parts',
    topic: 'import',
    summary: 'delete parts',
    arguments: [SESSION, { name: 'PART', many: true, help: 'the names of the parts' }],
    options: prefix,
    examples: [['millrace bulk_import:delete_parts orders_2026_11 p1 p2', 'before performing']],
    async run(context, { words: { SESSION: session, PART: parts }, options }) {
      const names = parts.map((part) => `${options.prefix ?? ''}${part}`)
      await deleteParts(context, callsOf(context), session, names)
      await context.print.done('done.', { name: session, parts: names })
    },
  }),
  command({
    name: 'bulk_import:perform',
    aliases: ['import:perform'],
    topic: 'import',
    summary: 'make rows of the parts, as a job',
    arguments: [SESSION],
    options: {
      ...wait,
      force: { kind: 'switch', short: 'f', help: 'also when it was performed before' },
      'pool-name': {
        kind: 'text',
        short: 'O',
        placeholder: 'NAME',
        hidden: true,
        help: 'understood for the sake of td',
      },
    },
    examples: [['millrace bulk_import:perform orders_2026_11 -w', 'waits for the job, with its log']],
    async run(context, { words: { SESSION: name }, options }) {
      const sessions = callsOf(context)
      const session = await sessions.show(name)
      if (!options.force && session.status === 'performing')
        throw failure(
          `Bulk import session '${name}' is already performing.`,
          `'millrace job:show ${session.job_id} -w' follows its job, 'millrace job:kill ${session.job_id}' ends it.`,
        )
      if (!options.force && session.status === 'ready')
        throw failure(
          `Bulk import session '${name}' is already ready to commit.`,
          '--force performs it once more.',
        )
      await startedJob(context, await sessions.perform(name), { isWaiting: options.wait, value: { name } })
    },
  }),
  command({
    name: 'bulk_import:commit',
    aliases: ['import:commit'],
    topic: 'import',
    summary: 'make all rows of a session visible, at once',
    arguments: [SESSION],
    options: wait,
    examples: [['millrace bulk_import:commit orders_2026_11', 'a repeat changes nothing']],
    async run(context, { words: { SESSION: name }, options }) {
      await callsOf(context).commit(name)
      const status = options.wait ? (await settled(context, name, ['committing'])).status : undefined
      if (status !== undefined && status !== 'committed')
        throw failure(`the commit of '${name}' did not come to its end: it is ${status}`, 'Commit it again.')
      await context.print.done(
        `Bulk import session '${name}' ${status === undefined ? 'started to commit' : 'is committed'}.`,
        { name, status },
      )
    },
  }),
  command({
    name: 'bulk_import:error_records',
    aliases: ['import:error_records'],
    topic: 'import',
    summary: 'show records that were refused, one JSON object per line',
    arguments: [SESSION],
    options: {},
    examples: [['millrace bulk_import:error_records orders_2026_11', 'part, reason and record of each']],
    async run(context, { words: { SESSION: name } }) {
      const sessions = callsOf(context)
      const { status } = await sessions.show(name)
      if (status === 'uploading' || status === 'performing')
        throw failure(
          `Bulk import session '${name}' is not performed.`,
          `'millrace bulk_import:perform ${name}' does that.`,
        )
      for (const record of await sessions.errorRecords(name)) await context.print.write(`${record}\n`)
    },
  }),
  ...(['freeze', 'unfreeze', 'delete'] as const).map((verb) =>
    command({
      name: `bulk_import:${verb}`,
      aliases: [`import:${verb}`],
      topic: 'import',
      summary: {
        freeze: 'let no more parts into a session',
        unfreeze: 'let parts into a session again',
        delete: 'delete a session; what was committed stays',
      }[verb],
      arguments: [SESSION],
      options: {},
      examples: [[`millrace bulk_import:${verb} orders_2026_11`, 'by its name']],
      async run(context, { words: { SESSION: name } }) {
        await callsOf(context)[verb](name)
        const done = { freeze: 'frozen', unfreeze: 'unfrozen', delete: 'deleted' }[verb]
        await context.print.done(`Bulk import session '${name}' is ${done}.`, { name, [done]: true })
      },
    }),
  ),
]

/** A part is made of so much before compression: some 8 to 16 MB on the way. */
const limitsOf = (options: { 'split-size': number | undefined }) => ({
  bytes: (options['split-size'] ?? 32_768) * 1024,
  rows: 1_000_000,
})

async function createAll(context: Context, session: string, target: string): Promise<void> {
  const [, database, table] = /^([^.]+)\.([^.]+)$/.exec(target) ?? []
  if (database === undefined || table === undefined)
    throw usageError(`--auto-create takes DATABASE.TABLE, not '${target}'`)
  const api = context.api()
  await unlessSo(409, api.databases.create(database))
  await unlessSo(409, api.tables.create({ database, table }, {}, context.newId()))
  if (await unlessSo(409, callsOf(context).create(session, database, table))) return
  // Ours from an earlier run, or somebody else's.
  const { database: itsDatabase, table: itsTable } = await callsOf(context).show(session)
  if (itsDatabase !== database || itsTable !== table)
    throw failure(
      `there is a session '${session}' already, for ${itsDatabase}.${itsTable}`,
      'Choose another name for the session.',
    )
}

/** Every step is looked at before it is taken: run again, it goes on with the one that is missing. */
async function performToEnd(
  context: Context,
  name: string,
  options: { 'auto-commit': boolean; 'auto-delete': boolean },
): Promise<string> {
  const sessions = callsOf(context)
  let session = await sessions.show(name)
  if (session.status === 'uploading' || session.status === 'performing') {
    const job = session.status === 'performing' ? String(session.job_id) : await sessions.perform(name)
    if (!context.json) context.print.note(`Job ${job} is queued.`)
    await followJob(context, job)
    session = await settled(context, name, ['performing'])
    if (session.status === 'uploading')
      throw failure(
        `job ${job} did not succeed; the session '${name}' takes parts again`,
        `'millrace job:show ${job} -v' says why.`,
      )
  }
  if (!context.json) context.print.note(countsOf(session))
  if (!options['auto-commit'] && !options['auto-delete']) return session.status
  const refused = (session.error_records ?? 0) + (session.error_parts ?? 0)
  if (session.status === 'ready' && refused > 0)
    throw failure(
      `nothing was committed: ${countsOf(session)}`,
      `'millrace bulk_import:error_records ${name}' shows them; 'millrace bulk_import:commit ${name}' takes the others all the same.`,
    )
  if (session.status !== 'committed') {
    await sessions.commit(name)
    session = await settled(context, name, ['committing'])
    if (session.status !== 'committed')
      throw failure(
        `the commit of '${name}' did not come to its end: it is ${session.status}`,
        'The same command goes on.',
      )
    if (!context.json) context.print.note(`Bulk import session '${name}' is committed.`)
  }
  if (options['auto-delete']) await sessions.delete(name)
  return options['auto-delete'] ? 'deleted' : session.status
}

/** Waits until the session is in none of these states. */
async function settled(
  context: Context,
  name: string,
  states: readonly Session['status'][],
): Promise<Session> {
  for (;;) {
    const session = await callsOf(context).show(name, true)
    if (!states.includes(session.status)) return session
    await context.sleep(POLL_MS)
  }
}

function countsOf({ valid_records, error_records, valid_parts, error_parts }: Session): string {
  const n = (count: number | null) => (count ?? 0).toLocaleString('en')
  return `${n(valid_records)} records are good, ${n(error_records)} refused; ${n(valid_parts)} parts are good, ${n(error_parts)} cannot be read`
}

function capital(status: string): string {
  return status.charAt(0).toUpperCase() + status.slice(1)
}

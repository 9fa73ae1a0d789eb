import type { Job, Schedule } from '../api/index.ts'
import { command, type Options } from '../command.ts'
import type { Context } from '../context.ts'
import { failure, usageError } from '../errors.ts'
import { localText, localTime } from '../output/times.ts'
import { formatOf, listFormat } from './common.ts'
import { unixSeconds } from './instants.ts'
import { numberOf } from './jobs.ts'
import { priorityOf, priorityText } from './priority.ts'
import { RUN_OPTIONS, resultUrl } from './query.ts'
import { readSql } from './read-sql.ts'
import { checkResultOptions, printJobJson, RESULT_OPTIONS, showResult } from './show-result.ts'

const NAME = { name: 'NAME', help: 'the name of a schedule or saved query', completes: 'schedule' } as const

const TEXT_OPTIONS = {
  database: {
    kind: 'text',
    short: 'd',
    placeholder: 'DATABASE',
    completes: 'database',
    help: 'where tables without a database in front are looked up',
  },
  timezone: {
    kind: 'text',
    short: 't',
    placeholder: 'ZONE',
    help: 'the time zone of the cron, such as Asia/Tokyo (UTC)',
  },
  delay: {
    kind: 'integer',
    short: 'D',
    placeholder: 'SECONDS',
    least: 0,
    help: 'start so long after the scheduled time',
  },
  ...RUN_OPTIONS,
} as const satisfies Options

type Given = { [N in keyof typeof TEXT_OPTIONS]: string | number | boolean | undefined } & {
  result: string | undefined
  user: string | undefined
  password: boolean
  priority: string | undefined
  retry: number | undefined
  delay: number | undefined
  database: string | undefined
  timezone: string | undefined
  type: string | undefined
  'engine-version': string | undefined
  'pool-name': string | undefined
}

async function textOf(context: Context, given: Given, sql: string | undefined) {
  return {
    query: sql,
    database: given.database,
    type: given.type,
    timezone: given.timezone,
    delay: given.delay,
    priority: priorityOf(given.priority),
    retry_limit: given.retry,
    result: await resultUrl(context, given),
    engine_version: given['engine-version'],
    pool_name: given['pool-name'],
  }
}

export const scheduleCommands = [
  command({
    name: 'sched:list',
    aliases: ['scheds', 'schedules', 'schedule:list', 'query:list'],
    topic: 'schedules',
    summary: 'list schedules and saved queries',
    arguments: [],
    options: listFormat,
    examples: [['millrace sched:list', 'with the next time of each']],
    async run({ api, print }, { options }) {
      const schedules = await api().schedules.list()
      const format = formatOf(options)
      await print.list(
        {
          columns: [
            { name: 'Name' },
            { name: 'Cron' },
            { name: 'Timezone' },
            { name: 'Next schedule' },
            { name: 'Delay', align: 'right' },
            { name: 'Priority' },
            { name: 'Result' },
            { name: 'Database' },
            { name: 'Query' },
          ],
          rows: schedules.map((schedule) => [
            schedule.name,
            schedule.cron,
            schedule.timezone,
            localTime(schedule.next_time),
            schedule.delay,
            priorityText(schedule.priority),
            schedule.result,
            schedule.database,
            format === 'table' ? schedule.query.replace(/\s+/g, ' ').slice(0, 60) : schedule.query,
          ]),
          objects: schedules,
        },
        format,
      )
    },
  }),
  command({
    name: 'sched:show',
    aliases: ['schedule:show', 'query:show'],
    topic: 'schedules',
    summary: 'show a schedule or saved query with its SQL',
    arguments: [NAME],
    options: {},
    examples: [["millrace sched:show 'daily total'", 'everything about it']],
    async run(context, { words: { NAME: name } }) {
      const schedule = await find(context, name)
      await context.print.block(pairsOf(schedule), schedule)
    },
  }),
  command({
    name: 'sched:create',
    aliases: ['schedule:create'],
    topic: 'schedules',
    summary: 'run SQL again and again, by a cron',
    about: [
      "CRON has five fields (minute hour day month weekday) or is @hourly, @daily or @monthly; '' saves a query that runs when it is told to. TD_SCHEDULED_TIME() in the SQL is the time a run was scheduled for, even when it starts later.",
    ],
    arguments: [
      { name: 'NAME', help: 'its name' },
      { name: 'CRON', help: "when it runs; '' for never" },
      { name: 'SQL', help: 'the text; - reads it from standard input', optional: true },
    ],
    options: TEXT_OPTIONS,
    examples: [
      [
        "millrace sched:create 'daily total' '0 3 * * *' -d shop -t Asia/Tokyo 'SELECT sum(amount) FROM orders'",
        'at three in the morning',
      ],
      ['millrace sched:create hourly @hourly -d shop -q hourly.sql', 'SQL from a file'],
    ],
    async run(context, { words, options }) {
      await create(
        context,
        { name: words.NAME, cron: words.CRON, sql: await readSql(context, words.SQL, options.query) },
        options,
      )
    },
  }),
  command({
    name: 'query:save',
    topic: 'schedules',
    summary: 'save SQL under a name, to be run when told to',
    arguments: [
      { name: 'NAME', help: 'its name' },
      { name: 'SQL', help: 'the text; - reads it from standard input', optional: true },
    ],
    options: TEXT_OPTIONS,
    examples: [
      [
        "millrace query:save totals -d shop 'SELECT sum(amount) FROM orders'",
        'run it: millrace sched:run totals',
      ],
    ],
    async run(context, { words, options }) {
      await create(
        context,
        { name: words.NAME, cron: '', sql: await readSql(context, words.SQL, options.query) },
        options,
      )
    },
  }),
  command({
    name: 'sched:update',
    aliases: ['schedule:update', 'query:update'],
    topic: 'schedules',
    summary: 'change a schedule or saved query',
    about: ["Only what is given changes. --schedule '' stops it from running by itself."],
    arguments: [NAME],
    options: {
      newname: { kind: 'text', short: 'n', placeholder: 'NAME', help: 'another name' },
      schedule: { kind: 'text', short: 's', placeholder: 'CRON', help: "when it runs; '' for never" },
      ...TEXT_OPTIONS,
    },
    examples: [
      ['millrace sched:update hourly -s @daily', 'once a day from now on'],
      ["millrace sched:update hourly -s ''", 'not by itself any more'],
      ['millrace sched:update hourly -q hourly.sql', 'other SQL'],
    ],
    async run(context, { words: { NAME: name }, options }) {
      const text = await textOf(context, options, await readSql(context, undefined, options.query))
      const change = { ...text, cron: options.schedule, name: options.newname }
      if (Object.values(change).every((value) => value === undefined))
        throw usageError('nothing to change was given', "See 'millrace help sched:update'.")
      const { body } = await context.api().schedules.update(name, change)
      await context.print.done(
        `Schedule '${options.newname ?? name}' is updated.`,
        body ?? { name: options.newname ?? name },
      )
    },
  }),
  command({
    name: 'sched:delete',
    aliases: ['schedule:delete', 'query:delete'],
    topic: 'schedules',
    summary: 'delete a schedule or saved query',
    about: ['What it has started goes on; its history and results stay.'],
    arguments: [NAME],
    options: {},
    examples: [["millrace sched:delete 'daily total'", 'it does not run any more']],
    async run({ api, print }, { words: { NAME: name } }) {
      await api().schedules.delete(name)
      await print.done(`Schedule '${name}' is deleted.`, { name, deleted: true })
    },
  }),
  command({
    name: 'sched:history',
    aliases: ['sched', 'sched:hist', 'schedule:history', 'schedule:hist', 'schedule'],
    topic: 'schedules',
    summary: 'list the runs of a schedule, the newest first',
    arguments: [NAME, { name: 'MAX', help: 'at most so many (20)', optional: true }],
    options: {
      page: { kind: 'integer', short: 'p', placeholder: 'PAGE', least: 0, help: 'skip so many pages' },
      skip: { kind: 'integer', short: 's', placeholder: 'N', least: 0, help: 'skip so many runs' },
      ...listFormat,
    },
    examples: [
      ["millrace sched:history 'daily total'", 'the last 20 runs'],
      ["millrace sched:history 'daily total' 100 -f csv", 'for a spreadsheet'],
    ],
    async run(context, { words: { NAME: name, MAX: max }, options }) {
      const { api, print } = context
      const most = numberOf(max, 20)
      const from = (options.page ?? 0) * most + (options.skip ?? 0)
      const history = await api().schedules.history(name, { from, to: from + most })
      const format = formatOf(options)
      if (format === 'table' && !print.isJson) {
        await print.block(pairsOf(await find(context, name)), undefined)
        await print.write('\n')
      }
      await print.list(
        {
          columns: [
            { name: 'JobID', align: 'right' },
            { name: 'Time' },
            { name: 'Status' },
            { name: 'Priority' },
            { name: 'Result' },
          ],
          rows: history.map((job) => [
            job.job_id,
            localTime(job.scheduled_at),
            job.status,
            priorityText(job.priority),
            job.result,
          ]),
          objects: history,
        },
        format,
      )
    },
  }),
  command({
    name: 'sched:run',
    aliases: ['schedule:run', 'query:run'],
    topic: 'schedules',
    summary: 'run a schedule or saved query now, for a time',
    arguments: [NAME, { name: 'TIME', help: 'the scheduled time it runs for (now)', optional: true }],
    options: {
      num: {
        kind: 'integer',
        short: 'n',
        placeholder: 'N',
        least: 1,
        most: 9,
        help: 'so many runs, one for each time of its cron from TIME on (1)',
      },
      ...listFormat,
    },
    examples: [
      ["millrace sched:run 'daily total'", 'now'],
      ["millrace sched:run 'daily total' '2024-05-01 00:00:00 UTC' -n 3", 'for three days of the past'],
    ],
    async run({ api, print, now, newId }, { words: { NAME: name, TIME: time }, options }) {
      const seconds = unixSeconds(time ?? 'now', now())
      const { body, settledBy } = await api().schedules.run(name, seconds, options.num ?? 1, newId())
      const jobs = body?.jobs ?? [
        {
          job_id: Number(settledBy?.bodyDetails.conflicts_with),
          type: '',
          scheduled_at: new Date(seconds * 1000).toISOString(),
        },
      ]
      await print.list(
        {
          columns: [{ name: 'JobID', align: 'right' }, { name: 'Time' }],
          rows: jobs.map((job) => [job.job_id, localTime(job.scheduled_at)]),
          objects: jobs,
        },
        formatOf(options),
      )
    },
  }),
  command({
    name: 'sched:result',
    aliases: ['schedule:result'],
    topic: 'schedules',
    summary: 'show the result of the newest run of a schedule that succeeded',
    arguments: [NAME],
    options: {
      last: { kind: 'integer', placeholder: 'N', least: 1, help: 'the one N runs ago instead' },
      ...RESULT_OPTIONS,
    },
    examples: [
      ["millrace sched:result 'daily total'", 'its last result'],
      ["millrace sched:result 'daily total' --last 2 -f csv", 'the one before'],
    ],
    async run(context, { words: { NAME: name }, options }) {
      checkResultOptions(options)
      const { api, json } = context
      const job =
        options.last === undefined
          ? await lastSuccess(context, name)
          : (await api().schedules.history(name, { from: options.last - 1, to: options.last }))[0]
      if (job === undefined)
        throw failure(`'${name}' has no such run`, `'millrace sched:history' lists its runs.`)
      const whole = await api().jobs.show(job.job_id)
      if (json) return printJobJson(context, whole, options)
      if (whole.status !== 'success')
        throw failure(`job ${whole.job_id} has no result: it is ${whole.status}`)
      context.print.note(`Job ${whole.job_id}, for ${localTime(job.scheduled_at)}`)
      await showResult(context, whole, options)
    },
  }),
]

const LOOKED_BACK = 100

async function lastSuccess({ api }: Context, name: string): Promise<Job | undefined> {
  const history = await api().schedules.history(name, { from: 0, to: LOOKED_BACK })
  return history.find(({ status }) => status === 'success')
}

async function create(
  context: Context,
  { name, cron, sql }: { name: string; cron: string; sql: string | undefined },
  given: Given,
): Promise<void> {
  if (sql === undefined) throw usageError('the SQL is missing: give it as a word, or --query FILE')
  if (given.database === undefined) throw usageError('--database is missing')
  const text = await textOf(context, given, sql)
  const { body } = await context.api().schedules.create(name, { ...text, type: text.type ?? 'presto', cron })
  const start = localTime(body?.start ?? body?.next_time)
  const when =
    body === undefined
      ? 'is created.'
      : start === ''
        ? 'is created. It runs when it is told to: millrace sched:run'
        : `is created. It starts at ${start}.`
  await context.print.done(`Schedule '${name}' ${when}`, body ?? { name, created: true })
}

/** There is no call for one of them. @throws failed (1) */
async function find({ api }: Context, name: string): Promise<Schedule> {
  const found = (await api().schedules.list()).find((schedule) => schedule.name === name)
  if (found === undefined)
    throw failure(`Schedule '${name}' does not exist`, `'millrace sched:list' lists them.`)
  return found
}

const pairsOf = (schedule: Schedule): [string, string | number | null][] => [
  ['Name', schedule.name],
  ['Cron', schedule.cron],
  ['Timezone', schedule.timezone],
  ['Delay', `${schedule.delay} sec`],
  ['Next', schedule.next_time === null ? '' : localText(new Date(schedule.next_time))],
  ['Result', schedule.result],
  ['Priority', priorityText(schedule.priority)],
  ['Retry limit', schedule.retry_limit],
  ['Type', schedule.type],
  ['Database', schedule.database],
  ['Owner', schedule.user_name],
  ['Query', schedule.query],
]

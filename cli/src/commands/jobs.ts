import type { Job } from '../api/index.ts'
import { command, type Options } from '../command.ts'
import { elapsedText } from '../duration.ts'
import { usageError } from '../errors.ts'
import { bytesText } from '../output/bytes.ts'
import { harmlessLines } from '../output/columns.ts'
import type { Pair } from '../output/printer.ts'
import type { Cell, Column } from '../output/rows.ts'
import { instantOf, localTime } from '../output/times.ts'
import { formatOf, listFormat } from './common.ts'
import { followJob } from './follow-job.ts'
import { priorityText } from './priority.ts'
import { queryCommand } from './query.ts'
import {
  checkResultOptions,
  printJobJson,
  RESULT_OPTIONS,
  requireSuccess,
  showResult,
} from './show-result.ts'

const JOB = { name: 'JOB', help: 'the number of a job', completes: 'job' } as const

export const JOB_COLUMNS: readonly Column[] = [
  { name: 'JobID', align: 'right' },
  { name: 'Status' },
  { name: 'Start' },
  { name: 'Elapsed', align: 'right' },
  { name: 'CPUTime', align: 'right' },
  { name: 'ResultSize', align: 'right' },
  { name: 'Priority' },
  { name: 'Result' },
  { name: 'Type' },
  { name: 'Database' },
  { name: 'Query' },
  { name: 'Duration', align: 'right' },
]

/** What was written as a query: text, or the configuration of a load. */
const queryText = ({ query }: Job) => (typeof query === 'string' ? query : JSON.stringify(query))

const oneLine = (text: string, most: number) => {
  const line = text.replace(/\s+/g, ' ').trim()
  return line.length > most ? `${line.slice(0, most - 1)}…` : line
}

export function jobRow(job: Job, nowMs: number, isFull: boolean): Cell[] {
  const query = queryText(job)
  return [
    job.job_id,
    job.status,
    localTime(job.start_at),
    elapsedOf(job, nowMs),
    job.cpu_time === null ? '' : `${(job.cpu_time / 1000).toFixed(1)}s`,
    job.result_size === null ? '' : bytesText(job.result_size),
    priorityText(job.priority),
    job.result,
    job.type,
    job.database,
    isFull ? query : oneLine(query, 60),
    job.duration === null ? '' : elapsedText(job.duration),
  ]
}

/** Of a job that runs, up to now. */
function elapsedOf({ start_at, end_at }: Job, nowMs: number): string {
  const start = instantOf(start_at)
  if (start === undefined) return ''
  return elapsedText(Math.max(0, ((instantOf(end_at)?.getTime() ?? nowMs) - start.getTime()) / 1000))
}

const LIST_OPTIONS = {
  page: { kind: 'integer', short: 'p', placeholder: 'PAGE', least: 0, help: 'skip so many pages' },
  skip: { kind: 'integer', short: 's', placeholder: 'N', least: 0, help: 'skip so many jobs' },
  running: { kind: 'switch', short: 'R', help: 'running ones only' },
  success: { kind: 'switch', short: 'S', help: 'those that succeeded only' },
  error: { kind: 'switch', short: 'E', help: 'failed ones only' },
  slow: {
    kind: 'optional-integer',
    placeholder: 'SECONDS',
    mayBeNext: true,
    help: 'those that took longer (3600) only',
  },
  ...listFormat,
} as const satisfies Options

export const jobCommands = [
  queryCommand,
  command({
    name: 'job:list',
    aliases: ['jobs'],
    topic: 'queries',
    summary: 'list jobs, the newest first',
    arguments: [{ name: 'MAX', help: 'at most so many (20)', optional: true }],
    options: LIST_OPTIONS,
    examples: [
      ['millrace job:list', 'the last 20'],
      ['millrace job:list 5 -R', 'five that run'],
      ['millrace job:list --slow 600 --json', 'what took longer than ten minutes, with everything'],
    ],
    async run({ api, print, now }, { words, options }) {
      const most = numberOf(words.MAX, 20)
      const from = (options.page ?? 0) * most + (options.skip ?? 0)
      const { slow, running, success, error } = options
      const jobs = await api().jobs.list({
        from,
        to: from + most - 1,
        status: running ? 'running' : success ? 'success' : error ? 'error' : undefined,
        slower_than: slow === true ? 3600 : slow,
      })
      const format = formatOf(options)
      const rows = jobs.map((job) => jobRow(job, now().getTime(), format !== 'table'))
      await print.list({ columns: JOB_COLUMNS, rows, objects: jobs }, format)
    },
  }),
  command({
    name: 'job:show',
    aliases: ['job'],
    topic: 'queries',
    summary: 'show a job, its result, and with --verbose its log',
    arguments: [JOB],
    options: {
      wait: {
        kind: 'optional-integer',
        short: 'w',
        placeholder: 'SECONDS',
        help: 'wait for its end, at most so long',
      },
      verbose: { kind: 'switch', short: 'v', help: 'its log, too' },
      ...RESULT_OPTIONS,
    },
    examples: [
      ['millrace job:show 19', 'what it is, how it stands, and its result'],
      ['millrace job:show 19 -w', 'as soon as it has ended'],
      ['millrace job:show 19 -f csv -o result.csv -c', 'its result into a file'],
      ['millrace job:show 19 -x', 'without its result'],
    ],
    async run(context, { words: { JOB: id }, options }) {
      const { api, print, json } = context
      checkResultOptions(options)
      const limitMs = typeof options.wait === 'number' ? options.wait * 1000 : undefined
      const job =
        options.wait === undefined ? await api().jobs.show(id) : await followJob(context, id, limitMs)
      const isWaited = options.wait !== undefined
      if (json) await printJobJson(context, job, options)
      else {
        const isData = options.format !== undefined && options.output === undefined
        if (!isData) await print.block(jobPairs(job), job)
        if (options.verbose) await print.write(logText(job))
        if (job.status === 'success') await showResult(context, job, options)
      }
      if (isWaited) requireSuccess(job)
    },
  }),
  command({
    name: 'job:status',
    topic: 'queries',
    summary: 'print the one word of how a job stands',
    arguments: [JOB],
    options: {},
    examples: [['millrace job:status 19', 'queued, running, success, error or killed']],
    async run({ api, print }, { words: { JOB: id } }) {
      const job = await api().jobs.status(id)
      await print.line(job.status, job)
    },
  }),
  command({
    name: 'job:kill',
    aliases: ['kill'],
    topic: 'queries',
    summary: 'end a job',
    arguments: [JOB],
    options: {},
    examples: [['millrace job:kill 19', 'what it was doing is undone; a finished job is left alone']],
    async run({ api, print }, { words: { JOB: id } }) {
      const former = await api().jobs.kill(id)
      const text =
        former === 'running' || former === undefined
          ? `Job ${id} is killed.`
          : former === 'queued' || former === 'booting'
            ? `Job ${id} is canceled.`
            : `Job ${id} is already finished (${former}).`
      await print.done(text, { job_id: id, former_status: former ?? null })
    },
  }),
]

function jobPairs(job: Job): Pair[] {
  return [
    ['JobID', job.job_id],
    ['Status', job.status],
    ['Type', job.type],
    ['Database', job.database],
    ['Start At', localTime(job.start_at)],
    ['End At', localTime(job.end_at)],
    ['Priority', priorityText(job.priority)],
    ['Retry limit', job.retry_limit],
    ['Output', job.result],
    ['Query', queryText(job)],
    ...(job.cpu_time === null ? [] : [['CPU time', `${(job.cpu_time / 1000).toFixed(1)}s`] as Pair]),
    ...(job.result_size === null ? [] : [['Result size', bytesText(job.result_size)] as Pair]),
    ...(job.status === 'error' ? [['Error', (job.debug?.stderr ?? '').trim()] as Pair] : []),
  ]
}

function logText({ debug }: Job): string {
  const part = (name: string, text: string | null | undefined) =>
    text ? `\n${name}:\n${harmlessLines(text.trimEnd()).replace(/^/gm, '  ')}\n` : ''
  return `${part('cmdout', debug?.cmdout)}${part('stderr', debug?.stderr)}\n`
}

/** A count among the words. @throws usage (2) */
export function numberOf(word: string | undefined, otherwise: number): number {
  if (word === undefined) return otherwise
  if (/^[1-9]\d{0,8}$/.test(word)) return Number(word)
  throw usageError(`'${word}' is not a number from 1`)
}

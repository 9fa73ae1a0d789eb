import type { Job } from '../api/index.ts'
import type { Options } from '../command.ts'
import type { Context } from '../context.ts'
import { failure, usageError } from '../errors.ts'
import { writeWhole } from '../output/file.ts'
import { RESULT_FORMATS, type ResultFormat, resultColumns, resultText } from '../output/result.ts'
import { countText } from '../output/rows.ts'

/** How a result is shown; `query`, `job:show` and `sched:result` have them all. */
export const RESULT_OPTIONS = {
  output: {
    kind: 'text',
    short: 'o',
    placeholder: 'FILE',
    completes: 'file',
    help: 'write the result into this file (as tsv, unless --format says otherwise)',
  },
  format: {
    kind: 'text',
    short: 'f',
    placeholder: 'FORMAT',
    choices: RESULT_FORMATS,
    help: 'how to write the result',
  },
  'column-header': { kind: 'switch', short: 'c', help: 'csv, tsv: the names of the columns first' },
  limit: { kind: 'integer', short: 'l', placeholder: 'ROWS', least: 0, help: 'show at most so many rows' },
  vertical: { kind: 'switch', short: 'G', help: 'a line for each value instead of a table' },
  null: { kind: 'text', placeholder: 'TEXT', help: 'what stands for null in csv, tsv and tables (null)' },
  exclude: { kind: 'switch', short: 'x', help: 'do not show the result' },
} as const satisfies Options

export type ResultGiven = {
  output: string | undefined
  format: string | undefined
  'column-header': boolean
  limit: number | undefined
  vertical: boolean
  null: string | undefined
  exclude: boolean
}

/** @throws usage (2) for options that cannot be together; before anything is sent */
export function checkResultOptions(given: ResultGiven): void {
  const { format, output, limit, vertical } = given
  const isBinary = format === 'msgpack' || format === 'msgpack.gz'
  if (isBinary && limit !== undefined) throw usageError(`--limit cannot cut ${format}; use json, csv or tsv`)
  if (vertical && format !== undefined)
    throw usageError('--vertical is a format of its own; leave --format out')
  if (vertical && output !== undefined) throw usageError('--vertical is for the terminal; leave --output out')
}

/** Statements that change something may end without rows of their own. */
const hasRows = ({ result_size, hive_result_schema }: Job) =>
  result_size !== null && hive_result_schema !== null

/** The result of a job that succeeded, to the terminal, a pipe or a file. */
export async function showResult(context: Context, job: Job, given: ResultGiven): Promise<void> {
  const { print, progress, now } = context
  if (!hasRows(job) || (given.exclude && given.output === undefined)) return
  const format = (given.format ?? (given.output === undefined ? 'table' : 'tsv')) as ResultFormat
  let rows = 0
  const startedMs = now().getTime()
  /** Where the rows themselves are not seen, their number is. */
  const isWatched = given.output !== undefined && progress.isLive
  const parts = partsOf(context, job, { given, format, onRow: () => rows++ })
  if (isWatched) progress.show('download', () => downloadText(job, rows, now().getTime() - startedMs))
  try {
    if (given.output === undefined) for await (const part of parts) await print.write(part)
    else await writeWhole(given.output, parts)
  } finally {
    progress.end()
  }
  if (given.output !== undefined) {
    const size = format.startsWith('msgpack') ? '' : ` (${countText(rows).replace(' in set', '')})`
    await print.done(`Written to ${given.output}${size}.`, {
      job_id: job.job_id,
      output: given.output,
      format,
    })
  }
}

function partsOf(
  { api, print }: Context,
  job: Job,
  { given, format, onRow }: { given: ResultGiven; format: ResultFormat; onRow: () => void },
): AsyncGenerator<string | Uint8Array> {
  if (format === 'msgpack' || format === 'msgpack.gz') return api().jobs.resultBytes(job.job_id, format)
  const lines = counted(api().jobs.resultLines(job.job_id), onRow)
  return resultText(given.vertical ? 'vertical' : format, resultColumns(job.hive_result_schema), lines, {
    header: given['column-header'],
    nullText: given.null ?? 'null',
    limit: given.limit,
    bold: given.output === undefined ? print.bold : (text) => text,
  })
}

async function* counted(lines: AsyncIterable<string>, onRow: () => void): AsyncGenerator<string> {
  for await (const line of lines) {
    onRow()
    yield line
  }
}

function downloadText({ job_id, num_records }: Job, rows: number, ms: number): string {
  const total = num_records ?? 0
  const share = total > 0 ? ` of ${total.toLocaleString('en')}` : ''
  const rate = Math.round(rows / Math.max(0.1, ms / 1000))
  return `downloading the result of job ${job_id}: ${rows.toLocaleString('en')}${share} rows, ${rate.toLocaleString('en')}/s`
}

/** All of a job as one JSON value, rows as they were written. */
export async function printJobJson({ api, print }: Context, job: Job, given: ResultGiven): Promise<void> {
  const { debug, ...head } = job
  const isShown = job.status === 'success' && hasRows(job) && !given.exclude
  if (!isShown) return print.json(job)
  // Streamed: a result need not fit into memory, and its numbers keep their digits.
  await print.write(
    JSON.stringify({ ...head, debug, columns: resultColumns(job.hive_result_schema) }).replace(
      /\}$/,
      ',"rows":',
    ),
  )
  const rows = resultText('json', [], api().jobs.resultLines(job.job_id), {
    header: false,
    nullText: 'null',
    limit: given.limit,
    bold: (text) => text,
  })
  for await (const part of rows) await print.write(part.replace(/\n$/, ''))
  await print.write('}\n')
}

/** @throws failed (1) with the job's own words when it ended otherwise than well */
export function requireSuccess(job: Job): void {
  if (job.status === 'success') return
  const said = (job.debug?.stderr ?? '').trim()
  throw failure(
    job.status === 'killed'
      ? `job ${job.job_id} was killed`
      : `job ${job.job_id} failed${said === '' ? '' : `: ${said}`}`,
    `Its log: millrace job:show ${job.job_id} -v`,
    { job_id: job.job_id, status: job.status },
  )
}

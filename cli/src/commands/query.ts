import { command, type Options } from '../command.ts'
import type { Context } from '../context.ts'
import { usageError } from '../errors.ts'
import { followJob } from './follow-job.ts'
import { priorityOf } from './priority.ts'
import { readSql } from './read-sql.ts'
import {
  checkResultOptions,
  printJobJson,
  RESULT_OPTIONS,
  requireSuccess,
  showResult,
} from './show-result.ts'

/** What a query runs as; of `query`, `sched:create` and `sched:update`. */
export const RUN_OPTIONS = {
  type: {
    kind: 'text',
    short: 'T',
    placeholder: 'TYPE',
    completes: ['presto', 'trino'],
    help: 'the engine (presto)',
  },
  query: {
    kind: 'text',
    short: 'q',
    placeholder: 'FILE',
    completes: 'file',
    help: 'read the SQL from this file; - for standard input',
  },
  priority: {
    kind: 'text',
    short: 'P',
    placeholder: 'PRIORITY',
    completes: ['VERY-LOW', 'LOW', 'NORMAL', 'HIGH', 'VERY-HIGH'],
    help: '-2 to 2, or VERY-LOW, LOW, NORMAL, HIGH, VERY-HIGH',
  },
  retry: {
    kind: 'integer',
    short: 'R',
    placeholder: 'N',
    least: 0,
    most: 32,
    help: 'run it again so often when it fails',
  },
  result: {
    kind: 'text',
    short: 'r',
    placeholder: 'URL',
    completes: 'result',
    help: 'write the result there: a URL, or the name of a result target',
  },
  user: { kind: 'text', short: 'u', placeholder: 'NAME', help: 'the user in the URL of --result' },
  password: { kind: 'switch', short: 'p', help: 'ask for the password in the URL of --result' },
  'engine-version': { kind: 'text', placeholder: 'VERSION', help: 'the version of the engine' },
  'pool-name': { kind: 'text', short: 'O', placeholder: 'NAME', help: 'the resource pool' },
} as const satisfies Options

type UrlGiven = { result: string | undefined; user: string | undefined; password: boolean }

/** The URL of a result target, with user and password put in. @throws usage (2) */
export async function resultUrl(
  { ask }: Context,
  { result, user, password }: UrlGiven,
): Promise<string | undefined> {
  if (user === undefined && !password) return result
  if (result === undefined) throw usageError('--user and --password are for the URL of --result')
  const [, scheme, rest] = /^([a-z][a-z0-9+.-]*:\/\/)(?:[^@/]*@)?(.*)$/i.exec(result) ?? []
  if (scheme === undefined) throw usageError('--user and --password need --result as a URL')
  const secret = password ? `:${encodeURIComponent(await ask('Password: ', { hidden: true }))}` : ''
  return `${scheme}${encodeURIComponent(user ?? '')}${secret}@${rest}`
}

export const queryCommand = command({
  name: 'query',
  topic: 'queries',
  summary: 'run SQL as a job',
  about: [
    'Without --wait it prints the number of the job and returns. With it, the log is shown while the job runs, then the result; Ctrl-C ends the waiting and the job goes on.',
    'Data goes to standard output, everything else to standard error. The exit code is 0 when the job succeeded. A job is never started twice: each has a key of its own (--domain-key), with which a lost answer is asked for again.',
  ],
  arguments: [{ name: 'SQL', help: 'the text; - reads it from standard input', optional: true }],
  options: {
    database: {
      kind: 'text',
      short: 'd',
      placeholder: 'DATABASE',
      completes: 'database',
      help: 'where tables without a database in front are looked up',
    },
    wait: {
      kind: 'optional-integer',
      short: 'w',
      placeholder: 'SECONDS',
      help: 'wait for the end, at most so long, and show the result',
    },
    ...RUN_OPTIONS,
    ...RESULT_OPTIONS,
    'domain-key': {
      kind: 'text',
      placeholder: 'KEY',
      help: 'one key starts one job: the second is refused and names the first',
    },
  },
  examples: [
    ["millrace query -w -d shop 'SELECT count(*) FROM orders'", 'the result as a table'],
    [
      'millrace query -w -d shop -q report.sql -o report.csv -f csv -c',
      'SQL from a file, result into a file, with names of columns',
    ],
    ["echo 'SELECT 1' | millrace query -w -", 'SQL through a pipe'],
    ["millrace query -d shop 'SELECT 1'", 'only the number of the job; later: millrace job:show NUMBER'],
    ["millrace query -w -d shop -f jsonl 'SELECT * FROM orders' | jq .item", 'a JSON object for each row'],
  ],
  async run(context, { words, options }) {
    const { api, print, newId, json } = context
    checkResultOptions(options)
    const sql = await readSql(context, words.SQL, options.query)
    if (sql === undefined)
      throw usageError(
        'the SQL is missing; usage: millrace query [SQL] [options]',
        "See 'millrace help query'.",
      )
    const id = await api().jobs.issue({
      type: options.type ?? 'presto',
      database: options.database ?? '',
      query: sql,
      priority: priorityOf(options.priority),
      retry_limit: options.retry,
      result: await resultUrl(context, options),
      pool_name: options['pool-name'],
      engine_version: options['engine-version'],
      domain_key: options['domain-key'] ?? newId(),
    })
    if (options.wait === undefined) {
      return print.done(`Job ${id} is queued.\nUse 'millrace job:show ${id}' to show the status.`, {
        job_id: id,
      })
    }
    if (!json) print.note(`Job ${id} is queued.`)
    const job = await followJob(context, id, options.wait === true ? undefined : options.wait * 1000)
    if (json) {
      await printJobJson(context, job, options)
      return requireSuccess(job)
    }
    requireSuccess(job)
    await showResult(context, job, options)
  },
})

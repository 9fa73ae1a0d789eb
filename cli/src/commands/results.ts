import { command } from '../command.ts'
import { failure } from '../errors.ts'
import { formatOf, listFormat } from './common.ts'
import { priorityOf } from './priority.ts'
import { RUN_OPTIONS, resultUrl } from './query.ts'
import { startedJob } from './start-job.ts'

const NAME = { name: 'NAME', help: 'the name of a result target', completes: 'result' } as const

export const resultCommands = [
  command({
    name: 'result:list',
    aliases: ['results', 'result'],
    topic: 'queries',
    summary: 'list where results of jobs may be written',
    arguments: [],
    options: listFormat,
    examples: [['millrace result:list', 'names and URLs, without passwords']],
    async run({ api, print }, { options }) {
      const results = await api().results.list()
      const rows = results.map(({ name, url }) => [name, url])
      await print.list(
        { columns: [{ name: 'Name' }, { name: 'URL' }], rows, objects: results },
        formatOf(options),
      )
    },
  }),
  command({
    name: 'result:show',
    topic: 'queries',
    summary: 'show one of them',
    arguments: [NAME],
    options: {},
    examples: [['millrace result:show warehouse', 'name and URL, without its password']],
    async run({ api, print }, { words: { NAME: name } }) {
      const found = (await api().results.list()).find((result) => result.name === name)
      if (found === undefined)
        throw failure(`Result '${name}' does not exist`, `'millrace result:list' lists them.`)
      await print.block(
        [
          ['Name', found.name],
          ['URL', found.url],
        ],
        found,
      )
    },
  }),
  command({
    name: 'result:create',
    topic: 'queries',
    summary: 'name a place for results, with its password kept encrypted',
    arguments: [
      { name: 'NAME', help: 'its name' },
      { name: 'URL', help: 'such as mysql://user@host/database/table' },
    ],
    options: { user: RUN_OPTIONS.user, password: RUN_OPTIONS.password },
    examples: [
      [
        'millrace result:create warehouse mysql://db.example.org/sales/orders -u loader -p',
        'asks for the password',
      ],
    ],
    async run(context, { words: { NAME: name, URL: url }, options }) {
      await context.api().results.create(name, (await resultUrl(context, { ...options, result: url })) ?? url)
      await context.print.done(`Result '${name}' is created.`, { name, created: true })
    },
  }),
  command({
    name: 'result:delete',
    topic: 'queries',
    summary: 'forget such a place',
    arguments: [NAME],
    options: {},
    examples: [['millrace result:delete warehouse', 'what was written there stays']],
    async run({ api, print }, { words: { NAME: name } }) {
      await api().results.delete(name)
      await print.done(`Result '${name}' is deleted.`, { name, deleted: true })
    },
  }),
  command({
    name: 'export:result',
    topic: 'queries',
    summary: 'write the result of a job somewhere, as a job',
    arguments: [
      { name: 'JOB', help: 'the number of a job', completes: 'job' },
      { name: 'URL', help: 'where to; a URL or the name of a result target', completes: 'result' },
    ],
    options: {
      wait: { kind: 'switch', short: 'w', help: 'wait for the end' },
      priority: RUN_OPTIONS.priority,
      retry: RUN_OPTIONS.retry,
    },
    examples: [['millrace export:result 19 warehouse -w', 'the result of job 19']],
    async run(context, { words: { JOB: job, URL: result }, options }) {
      const form = { result, priority: priorityOf(options.priority), retry_limit: options.retry }
      const id = await context.api().jobs.resultExport(job, form, context.newId())
      await startedJob(context, id, { isWaiting: options.wait, value: { exported_job_id: job } })
    },
  }),
]

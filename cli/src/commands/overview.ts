import { command } from '../command.ts'
import { localTime } from '../output/times.ts'
import { JOB_COLUMNS, jobRow } from './jobs.ts'

const JOBS_SHOWN = 5

export const overviewCommand = command({
  name: 'overview',
  aliases: ['s'],
  topic: 'start',
  summary: 'schedules, the last jobs, tables and result targets on one page (td: status)',
  arguments: [],
  options: {},
  examples: [
    ['millrace overview', "what td prints as 'status'; millrace status is about the processes of a server"],
  ],
  async run({ api, print, now }) {
    const [schedules, jobs, databases, results] = await Promise.all([
      api().schedules.list(),
      api().jobs.list({ from: 0, to: JOBS_SHOWN - 1 }),
      api().databases.list(),
      api().results.list(),
    ])
    if (print.isJson) return print.json({ schedules, jobs, databases, results })
    const box = async (title: string, table: Parameters<typeof print.list>[0]) => {
      await print.write(`${print.bold(title)}\n`)
      await print.list(table)
      await print.write('\n')
    }
    await box('Schedules', {
      columns: [{ name: 'Name' }, { name: 'Cron' }, { name: 'Next schedule' }, { name: 'Database' }],
      rows: schedules.map(({ name, cron, next_time, database }) => [
        name,
        cron,
        localTime(next_time),
        database,
      ]),
      objects: schedules,
    })
    await box('Jobs', {
      columns: JOB_COLUMNS,
      rows: jobs.map((job) => jobRow(job, now().getTime(), false)),
      objects: jobs,
    })
    await box('Databases', {
      columns: [{ name: 'Name' }, { name: 'Count', align: 'right' }],
      rows: databases.map(({ name, count }) => [name, count]),
      objects: databases,
    })
    await box('Results', {
      columns: [{ name: 'Name' }, { name: 'URL' }],
      rows: results.map(({ name, url }) => [name, url]),
      objects: results,
    })
  },
})

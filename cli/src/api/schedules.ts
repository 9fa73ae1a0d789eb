import { type Call, path, type Query } from './call.ts'
import type { Job, Schedule } from './types.ts'

export type ScheduleText = {
  cron?: string
  query?: string
  database?: string
  type?: string
  timezone?: string
  delay?: number
  priority?: number
  retry_limit?: number
  result?: string
  engine_version?: string
  pool_name?: string
  /** A new name. */
  name?: string
}

/** `/v3/schedule/…`: a saved query is a schedule without a cron (rest-api reference §5.8). */
export function scheduleCalls(call: Call) {
  return {
    list: async () =>
      (
        await call.json<{ schedules: Schedule[] }>({
          does: 'list the saved queries',
          path: '/v3/schedule/list',
        })
      ).schedules,
    create: (name: string, text: ScheduleText) =>
      call.write<Schedule>({
        does: `create the schedule '${name}'`,
        path: path`/v3/schedule/create/${name}`,
        form: text as Query,
        repeat: 409,
        look: `millrace sched:show ${quoted(name)}`,
      }),
    update: (name: string, text: ScheduleText) =>
      call.write<Schedule>({
        does: `change the schedule '${name}'`,
        path: path`/v3/schedule/update/${name}`,
        form: text as Query,
        // Under its new name it is not found by the old one a second time.
        repeat: text.name === undefined ? 'same' : 404,
        look: `millrace sched:show ${quoted(text.name ?? name)}`,
      }),
    delete: (name: string) =>
      call.write({
        does: `delete the schedule '${name}'`,
        path: path`/v3/schedule/delete/${name}`,
        repeat: 404,
        look: `millrace sched:show ${quoted(name)}`,
      }),
    /** Newest first; `to` is exclusive. */
    history: async (name: string, span: { from: number; to: number }) =>
      (
        await call.json<{ history: Job[] }>({
          does: `list the runs of '${name}'`,
          path: path`/v3/schedule/history/${name}`,
          query: span,
        })
      ).history,
    run: (name: string, unixSeconds: number, count: number, domainKey: string) =>
      call.write<{ jobs: { job_id: number; type: string; scheduled_at: string }[] }>({
        does: `run the schedule '${name}'`,
        path: path`/v3/schedule/run/${name}/${unixSeconds}`,
        form: { num: count, domain_key: domainKey },
        // The key stands for the first of several runs only: whether the others were started, its refusal does not say.
        repeat: count === 1 ? 409 : 'never',
        look: `millrace sched:history ${quoted(name)}`,
      }),
  }
}

/** As a shell takes it. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}

import { timeT } from '../kernel/http/index.ts'
import type { Job } from './types.ts'

const timeOrEmpty = (instant: Date | null) => (instant === null ? '' : timeT(instant))
const numberOrNull = (value: bigint | null) => (value === null ? null : Number(value))

/** What `job/status` answers: treasure-data/td-client-java model/TDJobSummary.java. */
export function jobStatusBody(job: Job): Record<string, unknown> {
  return {
    job_id: String(job.id),
    status: job.status,
    created_at: timeT(job.createdAt),
    updated_at: timeT(job.updatedAt),
    start_at: timeOrEmpty(job.startAt),
    end_at: timeOrEmpty(job.endAt),
    duration: durationSeconds(job),
    cpu_time: numberOrNull(job.cpuMs),
    result_size: numberOrNull(job.resultBytes),
    num_records: numberOrNull(job.resultRows),
  }
}

/** A job in a list or a history. `hive_result_schema` is JSON text inside a string: td-client-ruby lib/td/client/api/job.rb. */
export function jobBody(job: Job, publicUrl: string): Record<string, unknown> {
  return {
    ...jobStatusBody(job),
    type: job.type,
    database: job.database,
    query: job.query,
    result: job.resultUrl,
    priority: job.priority,
    retry_limit: job.retryLimit,
    hive_result_schema: job.resultSchema === null ? null : schemaText(job.resultSchema),
    user_name: job.userName,
    organization: null,
    url: `${publicUrl.replace(/\/+$/, '')}/jobs/${job.id}`,
    linked_result_export_job_id: null,
    result_export_target_job_id: null,
  }
}

/** Types without blanks after their commas, as the API writes them: `map(varchar,bigint)`. */
function schemaText(schema: NonNullable<Job['resultSchema']>): string {
  return JSON.stringify(schema.map(([name, type]) => [name, type.replaceAll(', ', ',')]))
}

/** `job/show`: `td query -w` prints the lines that were added to `debug` since it last looked. */
export function jobShowBody(job: Job, publicUrl: string): Record<string, unknown> {
  const stderr = job.errorMessage === null ? '' : `${job.errorMessage}\n`
  return { ...jobBody(job, publicUrl), debug: { cmdout: job.log, stderr } }
}

function durationSeconds({ startAt, endAt }: Job): number | null {
  if (startAt === null || endAt === null) return null
  return Math.max(0, Math.round((endAt.getTime() - startAt.getTime()) / 1000))
}

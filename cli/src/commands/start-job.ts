import type { Context } from '../context.ts'
import { followJob } from './follow-job.ts'
import { requireSuccess } from './show-result.ts'

/** Says which job was started and, when asked, waits for its end. @throws failed (1) when that is no good one */
export async function startedJob(
  context: Context,
  id: string,
  { isWaiting, value }: { isWaiting: boolean; value: Record<string, unknown> },
): Promise<void> {
  const { print, json } = context
  const text = `Job ${id} is queued.`
  if (!isWaiting)
    return print.done(`${text}\nUse 'millrace job:show ${id}' to show the status.`, { ...value, job_id: id })
  if (!json) print.note(text)
  const job = await followJob(context, id)
  if (json) await print.json({ ...value, job_id: id, status: job.status })
  requireSuccess(job)
}

import type { Job } from '../api/index.ts'
import type { Context } from '../context.ts'
import { clockText } from '../duration.ts'
import { CliError, failure } from '../errors.ts'
import { EXIT } from '../exit-codes.ts'
import { harmlessLines } from '../output/columns.ts'
import { painted } from '../terminal.ts'

const FIRST_POLL_MS = 100
const LAST_POLL_MS = 2_000
const ENDS = ['success', 'error', 'killed']

/**
 * Waits for the end of a job, with its log as it is written and, on a terminal, a line that says how it stands. Ctrl-C ends
 * the waiting, not the job.
 * @throws failed (1) after `limitMs`, interrupted (130)
 */
export async function followJob(context: Context, id: string, limitMs?: number): Promise<Job> {
  const { api, progress, now, sleep, signal, json } = context
  const startedMs = now().getTime()
  const log = createLogPrinter(context)
  let job: Job | undefined
  try {
    for (let pollMs = FIRST_POLL_MS; ; pollMs = Math.min(LAST_POLL_MS, pollMs * 1.4)) {
      job = await api().jobs.follow(id)
      if (!json) log(job)
      if (ENDS.includes(job.status)) return job
      const { status } = job
      if (progress.isLive)
        progress.show(id, () => `job ${id} ${status} ${clockText(now().getTime() - startedMs)}`)
      const leftMs = limitMs === undefined ? pollMs : startedMs + limitMs - now().getTime()
      if (leftMs <= 0) throw stillRunning(id, status)
      await sleep(Math.min(pollMs, leftMs))
      if (signal.aborted) throw goesOn(id)
    }
  } catch (error) {
    if (error instanceof CliError && error.code === 'interrupted') throw goesOn(id)
    throw error
  } finally {
    progress.end()
  }
}

function goesOn(id: string): CliError {
  return new CliError(`interrupted; job ${id} goes on`, {
    code: 'interrupted',
    exitCode: EXIT.interrupted,
    help: `Wait for it again: millrace job:show ${id} -w. Stop it: millrace job:kill ${id}`,
    details: { job_id: id },
  })
}

function stillRunning(id: string, status: string): CliError {
  return failure(
    `job ${id} is still ${status}, and goes on`,
    `Wait for it again: millrace job:show ${id} -w. Stop it: millrace job:kill ${id}`,
    { job_id: id, status },
  )
}

/** Prints what the log of a job has more than last time. */
function createLogPrinter({ progress, terminal }: Context): (job: Job) => void {
  const seen = { cmdout: 0, stderr: 0 }
  return ({ debug, status }) => {
    // Why it failed is what the command ends with.
    const names = status === 'error' ? (['cmdout'] as const) : (['cmdout', 'stderr'] as const)
    for (const name of names) {
      const text = debug?.[name] ?? ''
      // A line that is still being written waits for its end.
      const end = ENDS.includes(status) ? text.length : text.lastIndexOf('\n') + 1
      if (end <= seen[name]) continue
      const fresh = text.slice(seen[name], end).trimEnd()
      seen[name] = end
      if (fresh !== '')
        progress.note(painted(terminal.colours.err, 'dim', harmlessLines(fresh).replace(/^/gm, '  ')))
    }
  }
}

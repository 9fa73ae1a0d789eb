import { type Check, error, type Finding, type World, warning } from './types.ts'

const MANY_RESTARTS = 5

export const processChecks: Check[] = [
  { name: 'processes', looks: 'whether all processes live and are ready', look: processes },
]

async function processes({ run }: World): Promise<Finding[]> {
  if (run === undefined) return []
  const views = await run.processes().catch((cause: unknown) => (cause as Error).message)
  if (typeof views === 'string')
    return [
      error(
        `the supervisor (process ${run.pid}) does not answer: ${views}`,
        'It hangs, or belongs to another user.',
        'Ask as the user who started it; otherwise look into its log.',
      ),
    ]
  const findings: Finding[] = []
  // The gate has a check of its own.
  for (const { name, state, ready, restarts, reason } of views.filter(
    (view) => view.name !== 'database-gate',
  )) {
    if (!ready)
      findings.push(
        error(
          `${name} is ${state} and not ready${reason === undefined ? '' : `: ${reason}`}`,
          'What it does waits until it is back; the supervisor starts it again by itself.',
          `Its lines in the log say why. 'millrace restart ${name}' begins it anew.`,
        ),
      )
    else if (restarts >= MANY_RESTARTS)
      findings.push(
        warning(
          `${name} was started again ${restarts} times`,
          'Something ends it again and again: memory, a query, or a fault of ours.',
          'The log says how it ended each time.',
        ),
      )
  }
  return findings
}

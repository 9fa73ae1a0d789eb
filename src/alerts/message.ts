import type { AlertMessage, OwedAlert } from './types.ts'

/** How receivers know the message: the same however often it is sent. */
export const messageId = ({ key }: Pick<AlertMessage, 'key'>) => `msg_${key}`

const WORDS: Record<OwedAlert['event'], string> = {
  failed: 'failed',
  killed: 'was killed',
  late: 'is late',
  test: 'is only a test',
}
const MOST_ERROR_CHARACTERS = 500

/** One line that says it all. */
export function subjectOf(message: AlertMessage): string {
  const [first] = message.alerts
  if (message.total > 1 || first === undefined)
    return `${message.total} alerts: ${countsOf(message)} of ${schedulesOf(message)}`
  if (first.event === 'test') return 'Alerts arrive here: this is only a test'
  return `Schedule '${first.scheduleName ?? '?'}' ${WORDS[first.event]}`
}

function countsOf({ counts }: AlertMessage): string {
  return Object.entries(counts)
    .map(([event, count]) => `${count} ${event}`)
    .join(', ')
}

function schedulesOf({ alerts, total }: AlertMessage): string {
  const names = [...new Set(alerts.map((alert) => alert.scheduleName ?? '?'))]
  if (names.length === 1) return `schedule '${names[0]}'`
  return `${names.length}${alerts.length < total ? ' or more' : ''} schedules`
}

/** The body of an e-mail. */
export function textOf(message: AlertMessage, publicUrl: string): string {
  const lines = message.alerts.flatMap((alert) => [...linesOf(alert, publicUrl), ''])
  const more = message.total - message.alerts.length
  if (more > 0) lines.push(`… and ${more} more.`, '')
  return [`${subjectOf(message)}.`, '', ...lines, `Message ${messageId(message)}`, ''].join('\n')
}

function linesOf(alert: OwedAlert, publicUrl: string): string[] {
  if (alert.event === 'test') return ['Somebody asked for a test of the alerts that go here.']
  const { scheduleName, scheduledAt, jobId, errorName, errorMessage } = alert
  const lines = [`${scheduleName ?? '?'} ${WORDS[alert.event]}`]
  if (scheduledAt !== null) lines.push(`  slot:  ${instant(scheduledAt)}`)
  if (alert.event === 'late') lines.push(`  late:  ${duration(alert.lateSeconds ?? 0)}`)
  if (errorMessage !== null) lines.push(`  error: ${errorName ?? ''} ${cut(errorMessage)}`)
  if (jobId !== null)
    lines.push(`  job:   ${jobId}${publicUrl === '' ? '' : `  ${jobUrl(publicUrl, jobId)}`}`)
  return lines
}

/** The body of a webhook call; `text` is for what shows a line to people. */
export function webhookBody(message: AlertMessage, publicUrl: string): string {
  const alerts = message.alerts.map((alert) => ({
    id: String(alert.id),
    event: alert.event,
    schedule: alert.scheduleId === null ? null : { id: String(alert.scheduleId), name: alert.scheduleName },
    job:
      alert.jobId === null
        ? null
        : { id: String(alert.jobId), url: publicUrl === '' ? null : jobUrl(publicUrl, alert.jobId) },
    scheduled_at: alert.scheduledAt === null ? null : instant(alert.scheduledAt),
    late_seconds: alert.event === 'late' ? alert.lateSeconds : null,
    error: alert.errorMessage === null ? null : { name: alert.errorName, message: cut(alert.errorMessage) },
  }))
  return JSON.stringify({
    type: 'schedule.alerts',
    id: messageId(message),
    created_at: instant(message.createdAt),
    account_id: String(message.accountId),
    text: subjectOf(message),
    total: message.total,
    counts: message.counts,
    alerts,
  })
}

const jobUrl = (publicUrl: string, id: bigint) => `${publicUrl}/jobs/${id}`
const instant = (at: Date) => at.toISOString().replace(/\.\d{3}Z$/, 'Z')
const cut = (text: string) =>
  text.length > MOST_ERROR_CHARACTERS ? `${text.slice(0, MOST_ERROR_CHARACTERS)}…` : text

/** `2 h 3 min`, `45 s`: the two largest units. */
export function duration(seconds: number): string {
  const parts: [number, string][] = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [Math.floor(seconds) % 60, 's'],
  ]
  const first = parts.findIndex(([count]) => count > 0)
  if (first < 0) return '0 s'
  return parts
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(' ')
}

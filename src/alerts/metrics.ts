import { Counter, type Registry } from '../kernel/index.ts'

/** How messages ended: sent, failed (one attempt of them), given up. */
export function alertMetrics(registry: Registry) {
  const messages = new Counter({
    name: 'millrace_alerts_messages_total',
    help: 'Messages about runs of schedules: sent, attempts that failed, and messages given up',
    labelNames: ['channel', 'outcome'],
    registers: [registry],
  })
  return {
    count: (channel: string, outcome: 'sent' | 'failed' | 'given-up') => messages.inc({ channel, outcome }),
  }
}

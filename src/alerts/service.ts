import type { SecretBox } from '../catalog/index.ts'
import type { Database } from '../database/index.ts'
import { type Clock, isRetryable, type Log, type Registry, type Service } from '../kernel/index.ts'
import type { AlertSettings } from './config.ts'
import { createEmailSender } from './email.ts'
import { messageId, subjectOf, textOf, webhookBody } from './message.ts'
import { alertMetrics } from './metrics.ts'
import {
  claimMessages,
  gatherMessages,
  isAnyRule,
  isAnythingOpen,
  markFailed,
  markSent,
  oweWaitingRuns,
} from './outbox-store.ts'
import { openWebhook } from './secret.ts'
import type { AlertMessage } from './types.ts'
import { createWebhookSender } from './webhook.ts'

export type AlertServiceOptions = {
  database: Database
  secrets: SecretBox
  settings: AlertSettings
  publicUrl: string
  version: string
  clock: Clock
  log: Log
  metrics: Registry
  /** 0 … 1, for the jitter of repetitions. */
  random: () => number
  /** Wait after a first attempt of which nothing is heard; longer than an attempt may take. */
  retrySeconds?: number
  pollMs?: number
}

const POLL_MS = 1_000
const WAITING_RUNS_EVERY_MS = 30_000
/** As many receivers may hang for their time without keeping the others waiting. */
const AT_ONCE = 16
const ADMISSION = { class: 'background', deadlineMs: 10_000 } as const
/** E-mail has three waits of its own, of at most 15 s each. */
const RETRY_SECONDS = 80

/**
 * Sends what is owed: gathers the alerts of each target into one message and sends it until it is taken, at least once, under an id
 * that stays. Any number of these may run. While the main database is away nothing is sent; what is owed by then is in it.
 */
export function createAlertService(options: AlertServiceOptions): Service {
  const { database, settings, clock, log, random, retrySeconds = RETRY_SECONDS, pollMs = POLL_MS } = options
  const metrics = alertMetrics(options.metrics)
  const send = createSender(options)
  /** Taken by their receivers, while the main database could not be told: they are not sent again by this process. */
  const unmarked = new Set<bigint>()

  const markAll = async () => {
    if (unmarked.size === 0) return
    const ids = [...unmarked]
    await database.write(ADMISSION, (sql) => markSent(sql, ids))
    for (const id of ids) unmarked.delete(id)
  }
  const deliver = async (message: AlertMessage) => {
    const { id, channel, label, total, attempts } = message
    if (unmarked.has(id)) return
    const fields = { message: messageId(message), channel, to: label, alerts: total, attempts }
    try {
      await send(message)
      unmarked.add(id)
      metrics.count(channel, 'sent')
      log.info(fields, 'alerts sent')
    } catch (error) {
      const reason = (error as Error).message
      log.warn({ ...fields, err: error }, 'alerts could not be sent')
      metrics.count(channel, 'failed')
      const { giveUpHours } = settings
      const isOver = await database.write(ADMISSION, (sql) =>
        markFailed(sql, { id, error: reason, giveUpHours }),
      )
      if (!isOver) return
      metrics.count(channel, 'given-up')
      log.error(fields, 'alerts were given up: nobody took them')
    }
  }
  /** Three to five quarters of the wait: receivers that were away are not called by all at once. */
  const claim = () =>
    database.write(ADMISSION, (sql) =>
      claimMessages(sql, { limit: AT_ONCE, retrySeconds, jitter: 0.75 + random() / 2 }),
    )
  const sendAll = async (signal: AbortSignal) => {
    while (!signal.aborted) {
      const messages = await claim()
      // All are waited for, also when one of them finds the database gone.
      const outcomes = await Promise.allSettled(messages.map(deliver))
      await markAll()
      for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
      if (messages.length === 0) return
    }
  }
  let lookAtMs = Number.NEGATIVE_INFINITY
  const lookForWaitingRuns = async () => {
    if (clock.monotonicMs() < lookAtMs) return
    if (await database.read(ADMISSION, isAnyRule))
      await database.write(ADMISSION, (sql) => oweWaitingRuns(sql))
    lookAtMs = clock.monotonicMs() + WAITING_RUNS_EVERY_MS
  }

  return {
    name: 'alerts',
    async run(signal) {
      while (!signal.aborted) {
        try {
          await markAll()
          await lookForWaitingRuns()
          if (await database.read(ADMISSION, isAnythingOpen)) {
            await database.write(ADMISSION, (sql) => gatherMessages(sql, settings))
            await sendAll(signal)
          }
        } catch (error) {
          if (!isRetryable(error)) throw error
          log.debug({ err: error }, 'alerts wait for the main database')
        }
        await clock.sleep(pollMs, signal)
      }
    },
  }
}

/** Sends one message over its channel; rejects with the reason when it was not taken. */
function createSender({ secrets, settings, publicUrl, version, clock }: AlertServiceOptions) {
  const email = createEmailSender(settings)
  const webhook = createWebhookSender({ clock, allowPrivate: settings.allowPrivate, version })
  return async (message: AlertMessage): Promise<void> => {
    const id = messageId(message)
    if (message.channel === 'webhook') {
      const hook = openWebhook(secrets, message.accountId, message.secret)
      return webhook(hook, { id, body: webhookBody(message, publicUrl) })
    }
    if (email === undefined) throw new Error('this server sends no e-mail (MILLRACE_ALERTS_SMTP_HOST)')
    const subject = `[Millrace] ${subjectOf(message)}`
    return email({ id, to: message.address, subject, text: textOf(message, publicUrl) })
  }
}

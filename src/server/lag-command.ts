import { join } from 'node:path'
import { configErrors, type Environment, systemClock } from '../kernel/index.ts'
import type { TableDelay } from '../load/index.ts'
import { inspectSpool } from '../spool/index.ts'
import { dataDirectory, readServerSettings } from './config.ts'
import { askAdmin, notRunning, runningServer } from './local-commands.ts'
import { spoolsOf } from './spool-commands.ts'

const SHOWN_TABLES = 20

/** `millrace lag`: import delay by table, and what waits in the spools at the moment. */
export async function lag(env: Environment): Promise<number> {
  const text = env.MILLRACE_LAG_LIMIT ?? ''
  if (text !== '' && !/^[1-9]\d*$/.test(text))
    throw configErrors.setting_invalid(`--limit ${text} (expected a number from 1)`)
  const run = await runningServer(env)
  if (!run) return notRunning(env)
  const { status, body } = await askAdmin(run, 'GET', `/lag?limit=${text === '' ? SHOWN_TABLES : text}`)
  if (status !== 200) {
    process.stderr.write(`millrace: ${(body as { error: string }).error}\n`)
    return 1
  }
  const { tables } = body as { tables: TableDelay[] }
  const waiting = await waitingNow(env)
  if (env.MILLRACE_JSON === 'true') {
    process.stdout.write(`${JSON.stringify({ tables, waiting })}\n`)
    return 0
  }
  if (tables.length === 0) process.stdout.write('Nothing was loaded within the hour.\n')
  const width = Math.max(0, ...tables.map(({ table }) => table.length))
  for (const { table, delaySeconds, committedAtMs } of tables)
    process.stdout.write(
      `${table.padEnd(width)}  ${delaySeconds.toFixed(2).padStart(9)} s  last loaded ${new Date(committedAtMs).toISOString()}\n`,
    )
  for (const { spool, requests, oldestSeconds } of waiting)
    process.stdout.write(
      `${spool}: ${requests.toLocaleString('en')} requests wait${oldestSeconds === null ? '' : `, the oldest for ${oldestSeconds.toFixed(1)} s`}\n`,
    )
  return 0
}

async function waitingNow(env: Environment) {
  const dataDir = dataDirectory(readServerSettings(env))
  const nowMs = systemClock.now().getTime()
  return Promise.all(
    spoolsOf(dataDir).map(async (spool) => {
      const { records, oldestReceivedAtMs } = await inspectSpool(join(dataDir, 'spool', spool), systemClock)
      const oldestSeconds =
        oldestReceivedAtMs === undefined ? null : Math.max(0, nowMs - oldestReceivedAtMs) / 1000
      return { spool, requests: records, oldestSeconds }
    }),
  )
}

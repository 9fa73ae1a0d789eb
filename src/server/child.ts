import { createGateClient } from '../gate/index.ts'
import {
  channelOn,
  createLog,
  createRegistry,
  type Log,
  processMetrics,
  systemClock,
} from '../kernel/index.ts'
import { readServerSettings } from './config.ts'
import type { Role } from './process-table.ts'
import type { RoleContext, RunningRole } from './roles/types.ts'

/** Every role is loaded only in its own process: the edge must never load a database driver. */
const ROLES: Record<Role, () => Promise<{ start(context: RoleContext): Promise<RunningRole> }>> = {
  ingest: () => import('./roles/ingest.ts'),
  core: () => import('./roles/core.ts'),
  loader: () => import('./roles/loader.ts'),
  worker: () => import('./roles/worker.ts'),
  archivist: () => import('./roles/archivist.ts'),
}

/**
 * Entry of a child process: `node child.ts ROLE INDEX [WORD]`. Talks to the supervisor over the fork channel, ends when
 * that closes, drains when told to, and answers about its readiness and metrics.
 */
async function main([role, index, ...words]: string[]): Promise<void> {
  // Sockets and files of a child are its user's alone, whatever the shell's mask was.
  process.umask(0o077)
  const name = `${role}-${index}`
  const settings = readServerSettings(process.env)
  const log = createLog({ process: name, level: settings.logLevel })
  const channel = channelOn(process)
  const registry = createRegistry(name)
  processMetrics(registry)
  const gate = createGateClient({ channel, clock: systemClock, log })
  endOnTrouble(log)

  channel.on('alive', () => true)
  channel.on('metrics', () => registry.metrics())
  let running: RunningRole | undefined
  // Before the start, which may take a while: one that is only starting has nothing to finish.
  const drainOnce = once(async () => {
    log.info({}, 'draining')
    await running?.drain()
    gate.stop()
    process.exit(0)
  })
  channel.on('drain', drainOnce)
  channel.onClose(() => {
    log.warn({}, 'the supervisor has gone, ending')
    drainOnce()
    setTimeout(() => process.exit(1), 10_000).unref()
  })
  const { start } = await ROLES[role as Role]()
  const started = await start({
    name,
    index: Number(index),
    words,
    env: process.env,
    settings,
    dataDir: process.env.MILLRACE_DATA_DIR!,
    runDir: process.env.MILLRACE_RUN_DIR!,
    clock: systemClock,
    log,
    channel,
    registry,
    gate,
  })
  running = started
  channel.on('readiness', () => started.readiness())
  channel.notify('ready')
}

/** An error nobody caught leaves unknown state behind: say it, end, and let the supervisor start anew. */
function endOnTrouble(log: Log): void {
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error: unknown) => {
      log.fatal({ err: error }, 'unexpected error, ending')
      process.exit(70)
    })
  }
  // The supervisor drains its children; a signal to the whole group must not end them first.
  process.on('SIGINT', () => undefined)
  process.on('SIGTERM', () => undefined)
}

function once(action: () => Promise<void>): () => void {
  let started = false
  return () => {
    if (started) return
    started = true
    void action()
  }
}

await main(process.argv.slice(2))

import type { Server as HttpsServer } from 'node:https'
import { join } from 'node:path'
import {
  createEdge,
  directoryOn,
  drainServer,
  edgeServer,
  ingestMetrics,
  readIngestSettings,
} from '../../ingest/index.ts'
import { randomIds } from '../../kernel/index.ts'
import { attachSnapshotToChannel, createAsker, openSnapshot } from '../../snapshot/index.ts'
import { openSpoolWriter, readSpoolSettings, spoolMetrics } from '../../spool/index.ts'
import { spoolNameOf } from '../child-start.ts'
import { INHERITED_SOCKET_FD } from '../listeners.ts'
import { followTls, readTls } from '../tls.ts'
import { coreSocketPath } from './paths.ts'
import type { RoleContext, RunningRole } from './types.ts'

/** The edge: owns the public socket; its own spool; the snapshot instead of the database. */
export async function start(context: RoleContext): Promise<RunningRole> {
  const { env, dataDir, clock, log, channel, registry, gate, index, runDir } = context
  const snapshot = await openSnapshot({ dataDir, clock, log })
  attachSnapshotToChannel(snapshot, channel)
  const metrics = spoolMetrics(registry)
  const spool = await openSpoolWriter({
    directory: join(dataDir, 'spool', spoolNameOf(index)),
    settings: readSpoolSettings(env),
    clock,
    log,
    observer: metrics,
    onFatal: (error) => {
      log.fatal(
        { err: error },
        'the disk failed under the spool: what it holds is not certain, starting again',
      )
      process.exit(74)
    },
  })
  metrics.watch(spool, () => clock.now().getTime())
  const settings = readIngestSettings(env)
  const edge = createEdge({
    spool,
    directory: directoryOn(snapshot, createAsker(channel)),
    coreSocketPath: coreSocketPath(runDir),
    settings,
    clock,
    log,
    ids: randomIds,
    metrics: ingestMetrics(registry),
    serverStatus: () => {
      const { mode, planned } = gate.current()
      return planned && (mode === 'held' || mode === 'away') ? 'maintenance' : 'ok'
    },
  })
  const tls = tlsOf(env)
  const server = edgeServer(edge, settings, tls && readTls(tls))
  const stopFollowing =
    tls && followTls(tls, (options) => (server as HttpsServer).setSecureContext(options), { log })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ fd: INHERITED_SOCKET_FD }, resolve)
  })
  return {
    // Collecting needs neither core nor the database; only a spool without room makes it unready.
    readiness: () => {
      const { pendingBytes, quotaBytes } = spool.usage()
      return pendingBytes < quotaBytes
        ? { ready: true }
        : { ready: false, reason: 'the spool has reached its quota' }
    },
    async drain() {
      stopFollowing?.()
      await drainServer(server, edge, { settings, clock })
      await spool.close()
      await snapshot.close()
    },
  }
}

function tlsOf(env: RoleContext['env']) {
  const { MILLRACE_TLS_CERT: certificatePath, MILLRACE_TLS_KEY: keyPath } = env
  return certificatePath && keyPath ? { certificatePath, keyPath } : undefined
}

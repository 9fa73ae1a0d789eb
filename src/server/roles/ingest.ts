import type { Server as HttpsServer } from 'node:https'
import { join } from 'node:path'
import { type DiskFollower, diskErrors, followDisk } from '../../disk/index.ts'
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
import {
  openSpoolWriter,
  readSpoolSettings,
  type SpoolWriter,
  secondDirectoryOf,
  spoolMetrics,
} from '../../spool/index.ts'
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
  const spoolSettings = readSpoolSettings(env)
  const spool = await openSpoolWriter({
    directory: join(dataDir, 'spool', spoolNameOf(index)),
    secondDirectory: secondDirectoryOf(spoolSettings, spoolNameOf(index)),
    settings: spoolSettings,
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
  const disk = followDisk(channel)
  const edge = createEdge({
    spool: unlessShort(spool, disk),
    directory: directoryOn(snapshot, createAsker(channel)),
    coreSocketPath: coreSocketPath(runDir),
    settings,
    clock,
    log,
    ids: randomIds,
    metrics: ingestMetrics(registry),
    others: context.settings.ingestProcesses > 1 || settings.otherNodes,
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
    server.once('error', (error: NodeJS.ErrnoException) => {
      // Two starts may bind a port at the same moment; only the one that listens first has it. The other one is told, and ends this.
      if (error.code === 'EADDRINUSE') channel.notify('port-lost')
      else reject(error)
    })
    server.listen({ fd: INHERITED_SOCKET_FD }, resolve)
  })
  return {
    // Collecting needs neither core nor the database; only a spool or a disk without room makes it unready.
    readiness: () => {
      if (disk.sheds('imports')) return { ready: false, reason: 'the disk is almost full' }
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

/** Refuses while the disk is short: what is accepted must still be loaded, and the database comes first. */
function unlessShort(spool: SpoolWriter, disk: DiskFollower): SpoolWriter {
  const refusal = () => diskErrors.disk_short(`${disk.current().freeBytes} bytes are free`)
  return {
    ...spool,
    enqueue: (record, told) =>
      disk.sheds('imports') ? told.refused(refusal()) : spool.enqueue(record, told),
    append: (record) => (disk.sheds('imports') ? Promise.reject(refusal()) : spool.append(record)),
  }
}

function tlsOf(env: RoleContext['env']) {
  const { MILLRACE_TLS_CERT: certificatePath, MILLRACE_TLS_KEY: keyPath } = env
  return certificatePath && keyPath ? { certificatePath, keyPath } : undefined
}

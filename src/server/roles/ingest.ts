import type { Server as HttpsServer } from 'node:https'
import { join } from 'node:path'
import { type DiskFollower, diskErrors, followDisk } from '../../disk/index.ts'
import {
  createDoor,
  createEdge,
  directoryOn,
  drainServer,
  type Edge,
  edgeServer,
  type IngestSettings,
  ingestMetrics,
  readIngestSettings,
} from '../../ingest/index.ts'
import { type Clock, randomIds } from '../../kernel/index.ts'
import { attachSnapshotToChannel, createAsker, openSnapshot } from '../../snapshot/index.ts'
import {
  openSpoolWriter,
  readSpoolSettings,
  type SpoolWriter,
  secondDirectoryOf,
  spoolMetrics,
} from '../../spool/index.ts'
import { spoolNameOf } from '../child-start.ts'
import { INHERITED_GATEWAY_FD, INHERITED_SOCKET_FD } from '../listeners.ts'
import { followTls, readTls } from '../tls.ts'
import { coreSocketPath, gatewaySocketPath } from './paths.ts'
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
  const edgeMetrics = ingestMetrics(registry)
  const edge = createEdge({
    spool: unlessShort(spool, disk),
    directory: directoryOn(snapshot, createAsker(channel)),
    coreSocketPath: coreSocketPath(runDir),
    settings,
    clock,
    log,
    ids: randomIds,
    metrics: edgeMetrics,
    others: context.settings.ingestProcesses > 1 || settings.otherNodes,
    serverStatus: () => {
      const { mode, planned } = gate.current()
      return planned && (mode === 'held' || mode === 'away') ? 'maintenance' : 'ok'
    },
  })
  const door = createDoor({
    socketPath: gatewaySocketPath(runDir),
    settings,
    clock,
    log,
    metrics: edgeMetrics,
  })
  const ports = [
    { which: 'public', edge, fd: INHERITED_SOCKET_FD },
    { which: 'gateway', edge: door, fd: INHERITED_GATEWAY_FD },
  ]
  const servers = await Promise.all(
    ports.map(({ which, edge, fd }) =>
      listenOn(fd, edge, { settings, env, log }, () => channel.notify('port-lost', { which })),
    ),
  )
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
      await Promise.all(servers.map(({ drain }) => drain(clock)))
      await spool.close()
      await snapshot.close()
    },
  }
}

/** Serves an inherited port, with TLS where there is any. `lost`: another program has it, although it was ours to bind. */
async function listenOn(
  fd: number,
  edge: Edge,
  { settings, env, log }: { settings: IngestSettings; env: RoleContext['env']; log: RoleContext['log'] },
  lost: () => void,
) {
  const tls = tlsOf(env)
  const server = edgeServer(edge, settings, tls && readTls(tls))
  const stopFollowing =
    tls && followTls(tls, (options) => (server as HttpsServer).setSecureContext(options), { log })
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      // Two starts may bind a port at the same moment; only the one that listens first has it. The other one is told, and ends this.
      if (error.code === 'EADDRINUSE') lost()
      else reject(error)
    })
    server.listen({ fd }, resolve)
  })
  return {
    async drain(clock: Clock) {
      stopFollowing?.()
      await drainServer(server, edge, { settings, clock })
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

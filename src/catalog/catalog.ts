import type { Database } from '../database/index.ts'
import type { Gate } from '../gate/index.ts'
import type { Authenticate } from '../kernel/http/index.ts'
import type { Channel, Clock, Ids, Log } from '../kernel/index.ts'
import {
  answerQuestions,
  createSnapshotBroadcast,
  openSnapshotWriter,
  type SnapshotView,
  type SnapshotWriter,
} from '../snapshot/index.ts'
import { type Access, createAccess } from './access.ts'
import { answerAnnouncements } from './announcements.ts'
import { createAuthenticate, createIdentifyKey, type IdentifyKey } from './authenticate.ts'
import { createSnapshotExporter, type SnapshotExporter } from './exporter.ts'
import { createLoginThrottle } from './login-throttle.ts'
import { createDecider } from './lookups.ts'
import { type CatalogReader, createCatalogReader } from './reading.ts'
import type { CatalogRouteDeps } from './routes.ts'
import { openSecretBox, type SecretBox } from './secret-box.ts'
import { type CatalogWrite, createCatalogWrite } from './write.ts'

/** Everything of the catalog that core needs, put together. */
export type Catalog = {
  view: SnapshotView
  /** Runs on its own: `keepRunning(catalog.exporter.service, …)`. Nothing is found before it has run once. */
  exporter: SnapshotExporter
  reader: CatalogReader
  access: Access
  write: CatalogWrite
  secrets: SecretBox
  identifyKey: IdentifyKey
  authenticate: Authenticate
  /** For `catalogRoutes`; `tail` may be added. */
  routeDeps: CatalogRouteDeps
  close(): Promise<void>
}

/** Opens the catalog in core: the only process that writes the snapshot. Answers readers' questions on the channel. */
export async function openCatalog({
  dataDir,
  database,
  gate,
  channel,
  clock,
  log,
  ids,
  writeWaitSeconds,
  undeleteHours,
}: {
  dataDir: string
  database: Database
  gate: Pick<Gate, 'current' | 'onChange'>
  channel: Channel
  clock: Clock
  log: Log
  ids: Ids
  writeWaitSeconds: number
  undeleteHours: number
}): Promise<Catalog> {
  const writer: SnapshotWriter = await openSnapshotWriter({ dataDir, clock, log })
  const secrets = await openSecretBox({ dataDir })
  const broadcast = createSnapshotBroadcast(channel, log)
  const exporter = createSnapshotExporter({ database, gate, writer, broadcast, clock, log })
  answerAnnouncements(channel, exporter)
  answerQuestions(channel, createDecider({ exporter, view: writer }))
  const reader = createCatalogReader({ view: writer, exporter, gate })
  const access = createAccess(reader)
  const write = createCatalogWrite({ database, exporter, view: writer })
  const identifyKey = createIdentifyKey({ view: writer, exporter })
  const waitMs = writeWaitSeconds * 1000
  return {
    view: writer,
    exporter,
    reader,
    access,
    write,
    secrets,
    identifyKey,
    authenticate: createAuthenticate(identifyKey),
    routeDeps: {
      database,
      write,
      access,
      reader,
      secrets,
      ids,
      logins: createLoginThrottle({ clock }),
      waitMs,
      undeleteHours,
    },
    close: () => writer.close(),
  }
}

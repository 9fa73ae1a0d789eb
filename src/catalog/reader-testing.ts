import { channelOn, silentLog, systemClock } from '../kernel/index.ts'
import { attachSnapshotToChannel, openSnapshot } from '../snapshot/index.ts'

/** A process that follows the snapshot as an ingest process does, for tests: `node reader-testing.ts DATADIR`. */
const channel = channelOn(process)
const snapshot = await openSnapshot({ dataDir: process.argv[2]!, clock: systemClock, log: silentLog })
attachSnapshotToChannel(snapshot, channel)
channel.on('find-table', (body) => {
  const { accountId, database, table } = body as { accountId: string; database: string; table: string }
  return snapshot.findTable(BigInt(accountId), database, table).kind
})
channel.onClose(() => process.exit(0))
channel.notify('ready')

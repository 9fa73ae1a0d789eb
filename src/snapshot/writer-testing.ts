import { silentLog, systemClock } from '../kernel/index.ts'
import { exportOf, put, rowsForTests } from './testing.ts'
import { openSnapshotWriter } from './writer.ts'

/**
 * A process that writes a snapshot as fast as it can until it is killed, for tests: `node writer-testing.ts DATADIR`.
 * Says each position that it was told to be safe, with the number of the key revoked by then.
 */
const writer = await openSnapshotWriter({ dataDir: process.argv[2]!, clock: systemClock, log: silentLog })
const { account, user, database, table, key, chunk } = rowsForTests
if (writer.cut === undefined) {
  const changes = [put(1, 'accounts', account()), put(2, 'users', user(1)), put(3, 'databases', database(1))]
  await writer.rebase(async () => exportOf([...changes, put(4, 'tables', table(1))], { before: 100 }))
}
for (let i = writer.position; ; i++) {
  const id = 1000 + i
  writer.append({ t: 'batch', changes: [put(id, 'api_keys', key(i))] })
  const line = { n: writer.position + 1, put: [chunk(i)], drop: i % 3 === 0 ? [i - 1] : [] }
  const sum = await writer.manifests.apply('1', line, writer.sums.get('1'))
  writer.append({ t: 'batch', changes: [], sums: { '1': sum } })
  const position = await writer.appendDurably({
    t: 'deny',
    xid: String(i),
    epoch: 1,
    keys: [`api_keys/${i}`],
  })
  process.send?.({ position, key: i, chunks: sum.rows })
  if (i % 5 === 0) void writer.compact(true)
}

import { openDatabase } from '../database/index.ts'
import { createStaticGate, type DatabaseAddress, servingState } from '../gate/index.ts'
import { lonelyChannel, randomIds, silentLog, systemClock } from '../kernel/index.ts'
import { openEndsJournal } from './ends.ts'
import { openLocalQueue } from './queue.ts'
import { aJob, createTestRunner } from './testing.ts'
import { createWorker } from './worker.ts'

/** The process that tests of sudden death start and kill. `process.argv`: what to be, and its data directory. */
type Order = 'away' | 'back' | 'release'
const [, , role, dataDir, address] = process.argv
const base = { clock: systemClock, log: silentLog }
const tell = (message: unknown) => process.send?.(message)

async function beWorker(directory: string, database: DatabaseAddress): Promise<void> {
  const gate = createStaticGate(servingState(database, systemClock.now()))
  const runner = createTestRunner()
  const worker = createWorker({
    ...base,
    database: openDatabase({ ...base, gate, ids: randomIds, maxConnections: 4 }),
    gate,
    channel: lonelyChannel,
    runners: [
      {
        types: runner.types,
        run(job, report, signal) {
          tell('running')
          return runner.run(job, report, signal)
        },
      },
    ],
    journal: await openEndsJournal({ ...base, dataDir: directory, worker: 'worker-0' }),
    worker: `worker-0:${process.pid}`,
    concurrency: 4,
    accountConcurrency: 10,
    takeoverSeconds: 30,
    drainSeconds: 0,
  })
  process.on('message', (order: Order) => {
    if (order === 'away') gate.set({ mode: 'away' })
    if (order === 'back') gate.set({ mode: 'serving' })
    if (order === 'release') runner.release()
    tell(order)
  })
  await worker.run(new AbortController().signal)
}

/** Accepts jobs as fast as it can and says each id only once it was accepted. */
async function beQueue(directory: string): Promise<void> {
  const queue = await openLocalQueue({ ...base, dataDir: directory })
  if (queue.reserved.left === 0)
    await queue.reserved.replace(Array.from({ length: 5_000 }, (_, i) => BigInt(i + 1)))
  const accept = async () => {
    for (;;) tell(String(await queue.accept(aJob())))
  }
  await Promise.all([accept(), accept(), accept()])
}

if (role === 'worker') await beWorker(dataDir!, JSON.parse(address!) as DatabaseAddress)
if (role === 'queue') await beQueue(dataDir!)

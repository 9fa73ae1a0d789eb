import type { Access } from '../catalog/index.ts'
import { openDatabase } from '../database/index.ts'
import { createStaticGate, type DatabaseAddress, servingState } from '../gate/index.ts'
import { createWorker, openEndsJournal } from '../jobs/index.ts'
import type { Principal } from '../kernel/http/index.ts'
import { lonelyChannel, randomIds, silentLog, systemClock } from '../kernel/index.ts'
import { createLocalStore } from '../storage/index.ts'
import { type CommitStep, commitSession } from './commit.ts'
import { readBulkImportSettings } from './config.ts'
import { createPerformRunner, type PerformStep } from './perform.ts'

/** What a process of the crash tests is to do, and where it kills itself. `end-written`: the job's end is in its journal. */
export type Doomed = {
  address: DatabaseAddress
  dataDir: string
  work: 'perform' | { commit: string; principal: { accountId: string; userId: string } }
  die: { step: PerformStep | CommitStep | 'end-written'; occurrence: number }
  chunkRows: number
}

const { address, dataDir, work, die, chunkRows } = JSON.parse(process.argv[2]!) as Doomed
const gate = createStaticGate(servingState(address, new Date()))
const database = openDatabase({ gate, clock: systemClock, log: silentLog, ids: randomIds, maxConnections: 4 })
const objects = await createLocalStore(dataDir)
let seen = 0
const faultPoint = (step: Doomed['die']['step']) => {
  if (step !== die.step || ++seen !== die.occurrence) return
  process.kill(process.pid, 'SIGKILL')
  // The signal is delivered before this returns on every system we run on; nothing after it may happen.
  for (;;);
}

if (work === 'perform') await perform()
else await commit(work)

async function perform(): Promise<void> {
  const journal = await openEndsJournal({ dataDir, worker: 'worker-0', clock: systemClock, log: silentLog })
  const settings = { ...readBulkImportSettings({}), chunkRows }
  const worker = createWorker({
    database,
    gate,
    channel: lonelyChannel,
    clock: systemClock,
    log: silentLog,
    runners: [createPerformRunner({ database, objects, settings, log: silentLog, faultPoint })],
    journal: {
      ...journal,
      async record(job, end) {
        await journal.record(job, end)
        faultPoint('end-written')
      },
    },
    worker: `worker-0:${process.pid}`,
    concurrency: 1,
    accountConcurrency: 10,
    takeoverSeconds: 30,
    drainSeconds: 0,
  })
  await worker.run(new AbortController().signal)
}

async function commit({ commit: name, principal }: Exclude<Doomed['work'], 'perform'>): Promise<void> {
  const owner: Principal = {
    accountId: BigInt(principal.accountId),
    userId: BigInt(principal.userId),
    keyId: 0n,
    keyKind: 'master',
    role: 'owner',
    userName: 'Ann Example',
    email: 'ann@example.com',
  }
  const deps = {
    database,
    gate,
    access: { requireImport: async () => undefined } as unknown as Access,
    objects,
    channel: lonelyChannel,
    log: silentLog,
    killJob: async () => undefined,
    onCommitted: () => undefined,
    faultPoint,
  }
  await commitSession(deps, { principal: owner }, name)
}

import { join } from 'node:path'
import { openDatabase } from '../database/index.ts'
import { createStaticGate, type DatabaseAddress, servingState } from '../gate/index.ts'
import { type CommitEnd, createWorker, openEndsJournal } from '../jobs/index.ts'
import { lonelyChannel, randomIds, silentLog, systemClock } from '../kernel/index.ts'
import { createLocalStore } from '../storage/index.ts'
import { readArchiveSettings } from './config.ts'
import { openDuck } from './duck.ts'
import { expireRows } from './expiry.ts'
import { mergeSpan } from './merge.ts'
import { createPartialDeleteRunner } from './partial-delete.ts'
import { removeRetired } from './removal.ts'
import type { ArchiveStep } from './types.ts'

/** An archivist's work in a process of its own for the crash tests: it kills itself at the given occurrence of a step. */
export type ArchiveProcess = {
  address: DatabaseAddress
  dataDir: string
  work:
    | { kind: 'merge'; tableId: string; level: number; start: string }
    | { kind: 'remove' }
    | { kind: 'expire' }
    /** Runs as a worker until this job has ended. */
    | { kind: 'job'; id: string }
  die?: { step: ArchiveStep; occurrence: number }
}

const job = JSON.parse(process.argv[2]!) as ArchiveProcess
const gate = createStaticGate(servingState(job.address, new Date()))
const common = { clock: systemClock, log: silentLog }
const database = openDatabase({ gate, ...common, ids: randomIds, maxConnections: 2 })
const duck = await openDuck({
  memoryMegabytes: 256,
  threads: 1,
  directory: join(job.dataDir, 'archive', 'spill-child'),
})
let seen = 0
const deps = {
  ...common,
  database,
  objects: await createLocalStore(job.dataDir),
  duck,
  draftDirectory: join(job.dataDir, 'archive', 'drafts'),
  settings: readArchiveSettings({ MILLRACE_MERGE_LEAST_ROWS: '100' }),
  owner: `child-${process.pid}`,
  gate,
  askPins: async () => ({ pinned: new Set<bigint>(), jobsWaiting: false }),
  faultPoint(step: ArchiveStep) {
    if (job.die?.step === step && ++seen === job.die.occurrence) dieNow()
  },
}
const { signal } = new AbortController()
if (job.work.kind === 'merge') {
  const { tableId, level, start } = job.work
  const span = { tableId: BigInt(tableId), level, start: BigInt(start) }
  await mergeSpan(deps, span, { upToSize: 4, closes: true }, signal)
} else if (job.work.kind === 'job') await runJob(job.work.id)
else if (job.work.kind === 'expire') await expireRows(deps, signal)
else await removeRetired(deps, { keptMinutes: 0 }, signal)
await duck.close()
await database.close()

async function runJob(id: string): Promise<void> {
  const runner = createPartialDeleteRunner(deps)
  const commits = Object.entries(runner.commits!).map(([kind, commit]): [string, CommitEnd] => [
    kind,
    async (...end) => {
      const refusal = await commit(...end)
      deps.faultPoint('in-transaction')
      return refusal
    },
  ])
  const journal = await openEndsJournal({ dataDir: job.dataDir, worker: 'archivist-0', ...common })
  const stopping = new AbortController()
  const worker = createWorker({
    ...common,
    database,
    gate,
    channel: lonelyChannel,
    runners: [{ ...runner, commits: Object.fromEntries(commits) }],
    journal,
    worker: deps.owner,
    concurrency: 1,
    accountConcurrency: 4,
    takeoverSeconds: 30,
    drainSeconds: 1,
  })
  const running = worker.run(stopping.signal)
  const isOver = async () => {
    const [row] = await database.read(
      { class: 'read', deadlineMs: 5_000 },
      (sql) => sql<{ status: string }>`SELECT status FROM jobs WHERE id = ${BigInt(id)}`,
    )
    return row!.status !== 'queued' && row!.status !== 'running'
  }
  while (!(await isOver())) await systemClock.sleep(20)
  stopping.abort()
  await running
  await journal.close()
}

function dieNow(): void {
  process.kill(process.pid, 'SIGKILL')
  for (;;);
}

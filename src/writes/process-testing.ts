import { readFileSync } from 'node:fs'
import { openDatabase, withAdmin } from '../database/index.ts'
import { createStaticGate, type DatabaseAddress, servingState } from '../gate/index.ts'
import { randomIds, silentLog, systemClock } from '../kernel/index.ts'
import { createLocalStore } from '../storage/index.ts'
import type { WriteStep } from './types.ts'
import { startSqlWorker } from './worker-testing.ts'

/** A worker in a process of its own for the crash tests: until the job has ended, or it dies at the given occurrence of a step. */
export type WriteProcess = {
  address: DatabaseAddress
  admin: Parameters<typeof withAdmin>[0]
  dataDir: string
  job: string
  die?: { step: WriteStep; occurrence: number; who: 'worker' | 'engines' | 'connections' }
}

const told = JSON.parse(process.argv[2]!) as WriteProcess
const gate = createStaticGate(servingState(told.address, new Date()))
const database = openDatabase({
  gate,
  clock: systemClock,
  log: silentLog,
  ids: randomIds,
  maxConnections: 4,
})
let seen = 0
const worker = await startSqlWorker({
  dataDir: told.dataDir,
  name: 'worker-0',
  database,
  gate,
  objects: await createLocalStore(told.dataDir),
  concurrency: 1,
  announcements: { deny: async () => undefined },
  layout: { leastRows: 100, chunkBytes: 1 << 30 },
  hasRoom: () => true,
  async faultPoint(step) {
    const { die } = told
    if (die?.step !== step || ++seen !== die.occurrence) return
    if (die.who === 'worker') killNow()
    else if (die.who === 'engines') killEngines()
    else await cutConnections()
  },
})
const isOver = async () => {
  const [row] = await database.read(
    { class: 'read', deadlineMs: 5_000 },
    (sql) => sql<{ status: string }>`SELECT status FROM jobs WHERE id = ${BigInt(told.job)}`,
  )
  return row!.status !== 'queued' && row!.status !== 'running'
}
while (!(await isOver())) await systemClock.sleep(20)
await worker.stop()
await database.close()

function killNow(): void {
  process.kill(process.pid, 'SIGKILL')
  for (;;);
}

/** Every child of this process: engines are all it has. */
function killEngines(): void {
  const children = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim()
  for (const pid of children.split(' ')) process.kill(Number(pid), 'SIGKILL')
}

/** As when the server has gone: whoever is connected finds out with the next statement. */
async function cutConnections(): Promise<void> {
  const cut = await withAdmin(told.admin, (admin) =>
    admin.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`,
    ),
  )
  if (cut.length === 0) throw new Error('there was no connection to cut')
}

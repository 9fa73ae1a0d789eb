import { openDatabase } from '../database/index.ts'
import { createStaticGate, type DatabaseAddress, servingState } from '../gate/index.ts'
import { randomIds, silentLog, systemClock } from '../kernel/index.ts'
import { openSpoolReader } from '../spool/index.ts'
import { createLocalStore } from '../storage/index.ts'
import { loadAll } from './testing.ts'
import type { LoadStep } from './types.ts'

/**
 * A loader in a process of its own for the crash tests: it kills itself at the given occurrence of a step, or as soon as
 * it decodes a body of at least `fatalBytes`. Exit code 0 = the spool is empty and loaded.
 */
export type LoaderProcess = {
  address: DatabaseAddress
  dataDir: string
  spoolName: string
  spoolDirectory: string
  die?: { step: LoadStep; occurrence: number }
  /** Dies while decoding a body of at least this many bytes. */
  fatalBytes?: number
}

const job = JSON.parse(process.argv[2]!) as LoaderProcess
const gate = createStaticGate(servingState(job.address, new Date()))
const database = openDatabase({ gate, clock: systemClock, log: silentLog, ids: randomIds, maxConnections: 2 })
const reader = openSpoolReader({ directory: job.spoolDirectory, clock: systemClock, log: silentLog })
let seen = 0
await loadAll({
  spoolName: job.spoolName,
  spoolDirectory: job.spoolDirectory,
  reader,
  database,
  objects: await createLocalStore(job.dataDir),
  faultPoint(step, payload) {
    if (payload && payload.record.body.length >= (job.fatalBytes ?? Number.POSITIVE_INFINITY)) dieNow()
    if (job.die?.step === step && ++seen === job.die.occurrence) dieNow()
  },
})
await reader.close()
await database.close()

function dieNow(): void {
  process.kill(process.pid, 'SIGKILL')
  // The signal is delivered before this returns on every system we run on; nothing after it may happen.
  for (;;);
}

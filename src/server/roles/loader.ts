import { join } from 'node:path'
import { openDatabase } from '../../database/index.ts'
import { randomIds } from '../../kernel/index.ts'
import { createLoader, readLoadSettings } from '../../load/index.ts'
import { openSpoolReader, spoolMetrics } from '../../spool/index.ts'
import { createLocalStore } from '../../storage/index.ts'
import { runInBackground } from './background.ts'
import type { RoleContext, RunningRole } from './types.ts'

/** One spool's loader: alone with its payloads, so that a poisonous one can crash nothing else. */
export async function start(context: RoleContext): Promise<RunningRole> {
  const { env, dataDir, clock, log, channel, registry, gate, words } = context
  const [spoolName] = words
  const directory = join(dataDir, 'spool', spoolName)
  const database = openDatabase({ gate, clock, log, ids: randomIds, maxConnections: 4, metrics: registry })
  const metrics = spoolMetrics(registry)
  const loader = createLoader({
    spoolName,
    spoolDirectory: directory,
    reader: openSpoolReader({ directory, clock, log, onDamage: metrics.onDamage }),
    database,
    objects: await createLocalStore(dataDir),
    clock,
    log,
    metrics: registry,
    settings: readLoadSettings(env),
    onCommitted: (commit) => channel.notify('committed', commit, 'core'),
  })
  const background = runInBackground([loader], { clock, log })
  return {
    readiness: () => ({ ready: true }),
    async drain() {
      await background.stop()
      await database.close()
    },
  }
}

import type { DiskWatch } from '../disk/index.ts'
import type { GateKeeper } from '../gate/index.ts'
import type { Registry } from '../kernel/index.ts'
import type { TableDelay } from '../load/index.ts'
import type { AdminView } from './admin.ts'
import type { Children } from './children.ts'
import { PROCESS_TABLE, roleOf } from './process-table.ts'
import type { Restarts } from './restart.ts'
import type { Readiness } from './roles/types.ts'

const ANSWER_WITHIN_MS = 2_000

/** What the admin endpoints show, asked of the children at the moment of the question. */
export function adminView({
  children,
  keeper,
  restarts,
  disk,
  registry,
}: {
  children: Children
  keeper: GateKeeper
  restarts: Restarts
  disk: DiskWatch
  /** Metrics of the supervisor itself. */
  registry: Registry
}): AdminView {
  return {
    async processes() {
      const views = await Promise.all(
        children.views().map(async (view) => {
          const { ready, reason } = await readiness(children, view.name, view.state)
          return { ...view, ready, userFacing: isUserFacing(view.name), reason }
        }),
      )
      const { mode, reason, epoch } = keeper.current()
      return [
        {
          name: 'database-gate',
          state: `${mode} (epoch ${epoch})`,
          ready: mode === 'serving' || mode === 'recovering',
          userFacing: false,
          restarts: 0,
          reason,
        },
        ...views,
      ]
    },
    async metrics() {
      const texts = await Promise.all(children.views().map(({ name }) => metricsOf(children, name)))
      return mergeMetrics([await registry.metrics(), ...texts])
    },
    routes: () => children.ask('core-0', 'routes', undefined, ANSWER_WITHIN_MS),
    createKey: (kind, name) => children.ask('core-0', 'create-key', { kind, name }, 20_000),
    startBackup: (place, keep) => children.ask('core-0', 'start-backup', { place, keep }, 20_000),
    notes() {
      const { stage, freeBytes } = disk.current()
      const { mode, reason } = keeper.current()
      return [
        ...(stage === 'roomy' ? [] : [`disk budget: ${stage} (${freeBytes} bytes free)`]),
        ...(mode === 'serving' ? [] : [`database gate ${mode}: ${reason}`]),
      ]
    },
    async lag(most) {
      const loaders = children.views().filter(({ name }) => roleOf(name) === 'loader')
      const answers = await Promise.all(
        loaders.map(
          ({ name }) =>
            children.ask(name, 'table-delays', { most }, ANSWER_WITHIN_MS) as Promise<TableDelay[]>,
        ),
      )
      return worstDelays(answers.flat(), most)
    },
    restart: (names, options) => restarts.start(names, options),
    restartState: () => restarts.state(),
    backupState: () => children.ask('core-0', 'backup-state', undefined, 20_000),
    startCheck: (options) => children.ask('core-0', 'start-check', options, 20_000),
    checkState: () => children.ask('core-0', 'check-state', undefined, 20_000),
  }
}

function isUserFacing(name: string): boolean {
  return PROCESS_TABLE.some(({ role, userFacing }) => userFacing && role === roleOf(name))
}

/** A table may have come through several loaders: the worst of each. */
export function worstDelays(delays: TableDelay[], most: number): TableDelay[] {
  const worst = new Map<string, TableDelay>()
  for (const one of delays)
    if (one.delaySeconds >= (worst.get(one.table)?.delaySeconds ?? 0)) worst.set(one.table, one)
  return [...worst.values()].sort((a, b) => b.delaySeconds - a.delaySeconds).slice(0, most)
}

/** What the process says itself, or why it cannot be asked. */
export async function readiness(children: Children, name: string, state: string): Promise<Readiness> {
  if (state !== 'ready') return { ready: false, reason: state }
  try {
    return (await children.ask(name, 'readiness', undefined, ANSWER_WITHIN_MS)) as Readiness
  } catch (error) {
    return { ready: false, reason: (error as Error).message }
  }
}

async function metricsOf(children: Children, name: string): Promise<string> {
  try {
    return (await children.ask(name, 'metrics', undefined, ANSWER_WITHIN_MS)) as string
  } catch (error) {
    return `# ${name} did not answer: ${(error as Error).message.replaceAll('\n', ' ')}\n`
  }
}

/** Each process reports the same families; the text format wants every family's HELP and TYPE once, samples together. */
export function mergeMetrics(texts: string[]): string {
  const families = new Map<string, { head: string[]; samples: string[] }>()
  const loose: string[] = []
  for (const text of texts) {
    let family: { head: string[]; samples: string[] } | undefined
    let isNew = false
    for (const line of text.split('\n')) {
      const head = /^# (HELP|TYPE) (\S+)/.exec(line)
      if (head) {
        isNew = !families.has(head[2]) || (isNew && family === families.get(head[2]))
        family = families.get(head[2]) ?? { head: [], samples: [] }
        families.set(head[2], family)
        if (isNew) family.head.push(line)
      } else if (line.startsWith('#')) loose.push(line)
      else if (line !== '') (family?.samples ?? loose).push(line)
    }
  }
  const body = [...families.values()].flatMap(({ head, samples }) => [...head, ...samples])
  return `${[...loose, ...body].join('\n')}\n`
}

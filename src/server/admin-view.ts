import type { GateKeeper } from '../gate/index.ts'
import type { AdminView } from './admin.ts'
import type { Children } from './children.ts'
import { PROCESS_TABLE, roleOf } from './process-table.ts'
import type { Readiness } from './roles/types.ts'

const ANSWER_WITHIN_MS = 2_000

/** What the admin endpoints show, asked of the children at the moment of the question. */
export function adminView({ children, keeper }: { children: Children; keeper: GateKeeper }): AdminView {
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
      return `${mergeMetrics(texts)}${gateMetrics(keeper)}`
    },
    createKey: (kind, name) => children.ask('core-0', 'create-key', { kind, name }, 20_000),
  }
}

function isUserFacing(name: string): boolean {
  return PROCESS_TABLE.some(({ role, userFacing }) => userFacing && role === roleOf(name))
}

async function readiness(children: Children, name: string, state: string): Promise<Readiness> {
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

function gateMetrics(keeper: GateKeeper): string {
  const { mode, epoch } = keeper.current()
  return [
    '# HELP millrace_gate_open 1 while the main database may be used',
    '# TYPE millrace_gate_open gauge',
    `millrace_gate_open{mode="${mode}"} ${mode === 'serving' || mode === 'recovering' ? 1 : 0}`,
    '# HELP millrace_gate_epoch Number of the present epoch',
    '# TYPE millrace_gate_epoch gauge',
    `millrace_gate_epoch ${epoch}`,
    '',
  ].join('\n')
}

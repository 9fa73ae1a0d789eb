import { setTimeout as pause } from 'node:timers/promises'
import { CUTS } from '../../src/database/proxy-testing.ts'
import type { Cluster, Node } from './cluster.ts'
import { damageOneRecord } from './damage.ts'

/** What a round does: chosen from numbers alone, so that the seed repeats it; `run` begins it and ends it. */
export type Plan = { text: string; run(field: Field): Promise<void> }

export type Field = {
  cluster: Cluster
  /** The events of these keys lay in bytes the test has destroyed. */
  damaged(keys: string[]): void
}

type Random = () => number
const pick = <T>(random: Random, of: readonly T[]): T => of[Math.floor(random() * of.length)]!
const between = (random: Random, least: number, most: number) => Math.round(least + random() * (most - least))

const PROCESSES = ['ingest-0', 'loader-0', 'core-0', 'worker-0', 'archivist-0', 'supervisor'] as const
type ProcessName = (typeof PROCESSES)[number]

async function signal(node: Node, name: ProcessName, what: NodeJS.Signals): Promise<number | undefined> {
  const { server } = node
  if (server === undefined) return undefined
  const pid =
    name === 'supervisor'
      ? server.pid
      : (await server.processes().catch(() => [])).find((one) => one.name === name)?.pid
  return pid !== undefined && signalPid(pid, what) ? pid : undefined
}

function signalPid(pid: number, what: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, what)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    // It was just being started again after an earlier fault.
    return false
  }
}

const nodeOf = ({ nodes }: Cluster, at: number): Node => nodes[at]!

export const FAULTS: Record<string, (random: Random) => Plan> = {
  kill(random) {
    const [at, name, downMs] = [between(random, 0, 1), pick(random, PROCESSES), between(random, 0, 1500)]
    const times = name === 'supervisor' ? 1 : between(random, 1, 3)
    const restsMs = Array.from({ length: times }, () => between(random, 50, 800))
    return {
      text: `kill ${name} of ${'ab'[at]} ×${times}`,
      async run({ cluster }) {
        const node = nodeOf(cluster, at)
        if (name === 'supervisor') return node.killAndStart(downMs)
        for (const restMs of restsMs) {
          await signal(node, name, 'SIGKILL')
          await pause(restMs)
        }
      },
    }
  },

  freeze(random) {
    const [at, name, forMs] = [between(random, 0, 1), pick(random, PROCESSES), between(random, 300, 6000)]
    return {
      text: `freeze ${name} of ${'ab'[at]} for ${forMs} ms`,
      async run({ cluster }) {
        const pid = await signal(nodeOf(cluster, at), name, 'SIGSTOP')
        await pause(forMs)
        if (pid !== undefined) signalPid(pid, 'SIGCONT')
      },
    }
  },

  killDatabase: (random) => databaseDown(random, 'killDatabase'),
  stopDatabase: (random) => databaseDown(random, 'stopDatabase'),

  cutClients(random) {
    const [chance, kind, forMs] = [random() * 0.8, random(), between(random, 500, 4000)]
    return {
      text: `cut ${Math.round(chance * 100)} % of the clients’ requests for ${forMs} ms`,
      async run({ cluster }) {
        const before = cluster.cuts.clients
        cluster.cuts.clients = () => (random() > chance ? 'none' : random() < kind ? 'request' : 'answer')
        await pause(forMs)
        cluster.cuts.clients = before
      },
    }
  },

  cutDatabase(random) {
    const [chance, forMs, refuses] = [random(), between(random, 500, 5000), random() < 0.3]
    return {
      text: `cut ${Math.round(chance * 100)} % of the commits${refuses ? ' and refuse connections' : ''} for ${forMs} ms`,
      async run({ cluster }) {
        const before = cluster.cuts.database
        cluster.cuts.database = () => (random() > chance ? 'none' : pick(random, CUTS))
        if (refuses) cluster.refuseDatabase(true)
        await pause(forMs)
        cluster.cuts.database = before
        cluster.refuseDatabase(false)
      },
    }
  },

  fillDisk(random) {
    const forMs = between(random, 500, 5000)
    return {
      text: `disk full for ${forMs} ms`,
      async run({ cluster: { disk } }) {
        disk!.fill()
        await pause(forMs)
        disk!.free()
      },
    }
  },

  stepClock(random) {
    const [at, forMs] = [between(random, 0, 1), between(random, 500, 5000)]
    const seconds = pick(random, [-7200, -600, -30, -2, 2, 30, 600, 7200])
    return {
      text: `clock of ${'ab'[at]} by ${seconds} s for ${forMs} ms`,
      async run({ cluster }) {
        nodeOf(cluster, at).setClock(seconds * 1000)
        await pause(forMs)
        nodeOf(cluster, at).setClock(0)
      },
    }
  },

  damage(random) {
    const at = between(random, 0, 1)
    return {
      text: `damage a segment of ${'ab'[at]}`,
      async run({ cluster, damaged }) {
        const node = nodeOf(cluster, at)
        const pid = await signal(node, 'loader-0', 'SIGSTOP')
        if (pid === undefined) return
        try {
          const [spool] = node.spools()
          const keys = spool === undefined ? undefined : await damageOneRecord(spool, random)
          cluster.note(`damaged in ${node.name}: ${keys?.join(' ') ?? 'nothing was pending'}`)
          damaged(keys ?? [])
        } finally {
          signalPid(pid, 'SIGCONT')
        }
      },
    }
  },
}

function databaseDown(random: Random, how: 'killDatabase' | 'stopDatabase'): Plan {
  const forMs = between(random, 0, 8000)
  return {
    text: `${how} for ${forMs} ms`,
    async run({ cluster }) {
      await cluster[how]()
      await pause(forMs)
      await cluster.startDatabase()
    },
  }
}

/** What one round does: one of these faults, or two at the same time that do not work on the same thing. */
export function planRound(random: Random, names: readonly string[]): Plan[] {
  const first = pick(random, names)
  const others = names.filter((name) => name !== first && !(isDatabase(name) && isDatabase(first)))
  const second = random() < 0.3 && others.length > 0 ? pick(random, others) : undefined
  return [first, second].flatMap((name) => (name === undefined ? [] : [FAULTS[name]!(random)]))
}

const isDatabase = (name: string) => name === 'killDatabase' || name === 'stopDatabase'

import { compareOn, type Difference, type Peer } from './differences.ts'
import type { Engine } from './engines.ts'
import { expression, TYPES } from './expressions.ts'
import { fuzzTables, randomQuery, tableQuery } from './queries.ts'
import { type Random, seeded } from './random.ts'
import { type Node, node, render } from './tree.ts'

/** The tables' rows are the same in every run: what differs by the seed are the texts. */
const TABLES = fuzzTables(seeded(20_240_131))

/** The tables a query names as WITH queries in front of it: any engine can be asked without having them. */
export function withTables(query: Node): Node {
  const text = render(query, 'trino')
  const needed = TABLES.filter(({ name }) => new RegExp(`\\b${name}\\b`).test(text))
  if (needed.length === 0) return query
  const named = needed.map(
    (table, i) => node('table')`${i === 0 ? '' : ', '}${table.name} AS (${tableQuery(table)})`,
  )
  return { type: 'text', parts: ['WITH ', ...named, ' SELECT * FROM (', query, ') q'] }
}

export const KINDS = ['expressions', 'queries'] as const
export type Kind = (typeof KINDS)[number]

function randomText(kind: Kind, random: Random): Node {
  if (kind === 'queries') return randomQuery(random, TABLES)
  return node('text')`SELECT ${expression({ random, columns: [] }, random.pick(TYPES), 4)} AS c1`
}

export type FuzzOptions = {
  seed: number
  runs: number
  kinds: readonly Kind[]
  peer: Peer
  ours: Engine
  found?(difference: Difference, run: number): void
}

/** Runs `runs` texts of each kind; each follows from the seed and its number alone. */
export async function fuzz({ seed, runs, kinds, peer, ours, found }: FuzzOptions): Promise<Difference[]> {
  const differences: Difference[] = []
  for (let run = 0; run < runs; run += 1) {
    for (const kind of kinds) {
      const tree = randomText(kind, seeded(seed * 1_000_003 + run))
      const difference = await compareOn(tree, { ours, peer, whole: withTables })
      if (difference === undefined) continue
      differences.push(difference)
      found?.(difference, run)
    }
  }
  return differences
}

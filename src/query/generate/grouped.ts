import type { SelectPlan, Typed } from '../analyze/plan.ts'
import { keyOf } from '../analyze/walk.ts'
import { hasOwnZones, withoutZone } from '../functions/index.ts'
import type { PrestoType } from '../presto-type.ts'
import type { Generator } from './generator.ts'

/**
 * Values that are equal to Presto and not to the engine: instants shown in two zones, maps whose entries came in another order. Such
 * keys are grouped by what makes them equal; of the zones of a group any one is shown, as Presto does.
 */
export const isGroupedOtherwise = (type: PrestoType): boolean => hasOwnZones(type) || type.kind === 'map'

/** What the engine may group such a value by. */
export function groupedBy(sql: string, type: PrestoType): string {
  if (type.kind === 'map') return sortedMap(sql)
  return withoutZone(sql, type)
}

const sortedMap = (sql: string): string =>
  `CASE WHEN ${sql} IS NOT NULL THEN map_from_entries(list_sort(map_entries(${sql}))) END`

/** The generator for what stands after GROUP BY: keys of that kind are given by their group. undefined when there are none. */
export function groupedGenerator(g: Generator, select: SelectPlan): Generator | undefined {
  const sets = select.groupBy?.sets
  if (sets === undefined) return undefined
  const keys = new Map(
    sets.flat().flatMap((key) => (isGroupedOtherwise(key.type) ? [[keyOf(key), key] as const] : [])),
  )
  if (keys.size === 0) return undefined
  const values = new Map([...keys].map(([name, key]) => [name, valueOfGroup(g, key, sets.length > 1)]))
  return { ...g, groupKeys: { ...g.groupKeys, ...Object.fromEntries(values) } }
}

function valueOfGroup(g: Generator, key: Typed, several: boolean): string {
  const sql = g.expression(g, key)
  const by = groupedBy(sql, key.type)
  if (key.type.kind === 'map') return by
  const value = `any_value(${sql})`
  return several ? `CASE WHEN GROUPING(${by}) = 0 THEN ${value} END` : value
}

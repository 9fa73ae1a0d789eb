import type { CompiledQuery, StatementRequest } from '../compiled.ts'
import { constantQuery } from '../constant-query.ts'
import type { StatementOf } from '../parse/ast.ts'
import { likeTest } from './show-like.ts'

/** Settings that queries written for the hosted service are seen to make. None of them changes an answer or a plan here. */
const KNOWN: readonly { name: string; value: string; type: string; about: string }[] = [
  {
    name: 'colocated_join',
    value: 'false',
    type: 'boolean',
    about: 'Noted, without effect: joins are planned by the engine',
  },
  {
    name: 'distributed_join',
    value: 'false',
    type: 'boolean',
    about: 'Noted, without effect: joins are planned by the engine',
  },
  {
    name: 'join_distribution_type',
    value: 'AUTOMATIC',
    type: 'varchar',
    about: 'Noted, without effect: joins are planned by the engine',
  },
  {
    name: 'redistribute_writes',
    value: 'false',
    type: 'boolean',
    about: 'Noted, without effect: rows are sorted by time when they are written',
  },
  {
    name: 'time_partitioning_range',
    value: '',
    type: 'varchar',
    about: 'Noted, without effect: chunks are cut by hours',
  },
]

/** The known settings and those that were set before in this script. */
export function showSession(
  { like, at }: StatementOf<'show-session'>,
  { properties }: StatementRequest,
): CompiledQuery {
  const matches = likeTest(like, at)
  const known = new Set(KNOWN.map(({ name }) => name))
  const others = [...properties.keys()]
    .filter((name) => !known.has(name))
    .map((name) => ({ name, value: '', type: 'varchar', about: 'Not known here: noted, without effect' }))
  const rows = [...KNOWN, ...others]
    .filter(({ name }) => matches(name))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, value, type, about }) => [name, properties.get(name) ?? value, value, type, about])
  const titles = ['Name', 'Value', 'Default', 'Type', 'Description']
  return constantQuery(
    titles.map((title) => ({ name: title, type: { kind: 'varchar' } })),
    rows,
  )
}

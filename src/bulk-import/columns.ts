import { createNamer, type KnownColumn, type LoadTable, type TableChange } from '../load/index.ts'
import type { Manifest } from './types.ts'

/**
 * What a commit changes of the table's columns, as they are now: between perform and commit others may have added columns, and
 * embulk declares its own. Files are read by key, so that a name that was given to another key meanwhile does no harm.
 */
export function columnChange(table: LoadTable, { chunks, overflowed }: Manifest): TableChange {
  const change: TableChange = { table, newColumns: [], widened: [], overflowed }
  const giveName = createNamer(table.columns.map(({ name }) => name))
  const before = new Map(table.columns.map((column) => [column.key, column]))
  const now = new Map<string, KnownColumn>(table.columns.map((column) => [column.key, { ...column }]))
  for (const { columns } of chunks) {
    for (const [name, { key, type }] of Object.entries(columns)) {
      if (name === 'time') continue
      const column = now.get(key)
      if (column !== undefined) {
        column.type = widerType(column.type, type)
        column.removed &&= !table.detectSchema
      } else if (table.detectSchema) now.set(key, { name: giveName(key), key, type })
    }
  }
  for (const { name, key, type, removed } of now.values()) {
    const known = before.get(key)
    if (known === undefined || (known.removed && !removed))
      change.newColumns.push({ name, key, type, revived: known !== undefined })
    else if (known.type !== type) change.widened.push({ name, key, from: known.type, to: type })
  }
  return change
}

const WHOLE = new Set(['int', 'long'])
const NUMBERS = new Set(['int', 'long', 'float', 'double'])

/** The type in which values of the stored type are not lost. What a user has declared stays where it can hold them. */
export function widerType(current: string, stored: string): string {
  if (current === stored || current === 'string') return current
  if (WHOLE.has(current) && WHOLE.has(stored)) return 'long'
  if (!WHOLE.has(current) && NUMBERS.has(current) && NUMBERS.has(stored)) return current
  // array<…> and map<…> hold JSON text, in a file as in a string.
  if (/^(array|map)</.test(current) && stored === 'string') return current
  return 'string'
}

import { catalogErrors } from './errors.ts'
import { sqlNameOf } from './names.ts'
import type { DeclaredColumn } from './schema.ts'

export type NamedColumn = { key: string; name: string; removed: boolean }

/**
 * What SQL calls the columns of a table once `declared` holds: by key, those it had before included. An alias renames: files
 * are read by key, so old rows answer to the new name at once. A name held by a removed column, or by one that `replace`
 * removes, is given up; two columns may exchange theirs. Without an alias a column keeps its name.
 * @throws schema_invalid (422, final) when a column that stays has the name
 */
export function nameColumns(
  known: readonly NamedColumn[],
  declared: readonly DeclaredColumn[],
  { replace }: { replace: boolean },
): Map<string, string> {
  const names = new Map<string, string>()
  const taken = new Set<string>()
  const give = (key: string, name: string) => {
    if (taken.has(name)) throw catalogErrors.schema_invalid(`the name '${name}' is taken`)
    taken.add(name)
    names.set(key, name)
  }
  const asked = new Set(declared.map(({ key }) => key))
  const stays = ({ key, removed }: NamedColumn) => !asked.has(key) && !removed && !replace
  for (const column of known) if (stays(column)) give(column.key, column.name)
  for (const { key, name } of declared) if (name !== undefined) give(key, name)
  const before = new Map(known.map(({ key, name }) => [key, name]))
  for (const { key, name } of declared) {
    const old = before.get(key)
    if (name === undefined && old !== undefined) give(key, old)
  }
  const free = (key: string) => sqlNameOf(key, (name) => taken.has(name))
  const others = known.filter(({ key }) => !names.has(key))
  for (const { key, name } of others) if (!taken.has(name)) give(key, name)
  for (const { key } of [...declared, ...others]) if (!names.has(key)) give(key, free(key))
  return names
}

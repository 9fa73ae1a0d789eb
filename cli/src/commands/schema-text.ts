import type { Table } from '../api/index.ts'
import { usageError } from '../errors.ts'

/** One column of a table's schema; `alias` is what SQL calls it. */
export type SchemaColumn = { key: string; type: string; alias?: string; description?: string }

/** `schema` of a table is JSON text inside a string (rest-api reference §4). */
export function schemaOf({ schema }: Pick<Table, 'schema'>): SchemaColumn[] {
  const entries = JSON.parse(schema === '' ? '[]' : schema) as (string | null)[][]
  return entries.map(([key, type, alias, description]) => ({
    key: key!,
    type: type!,
    ...(alias ? { alias } : {}),
    ...(description ? { description } : {}),
  }))
}

/** The other way round: two, three or four elements, as many as there is something to say. */
export function schemaText(columns: readonly SchemaColumn[]): string {
  return JSON.stringify(
    columns.map(({ key, type, alias, description }) =>
      description !== undefined
        ? [key, type, alias ?? '', description]
        : alias !== undefined
          ? [key, type, alias]
          : [key, type],
    ),
  )
}

export const columnText = ({ key, type, alias }: SchemaColumn) =>
  `${key}:${type}${alias === undefined ? '' : `@${alias}`}`

export const columnsText = (columns: readonly SchemaColumn[]) => columns.map(columnText).join(', ')

/** Reads `KEY:TYPE[@ALIAS]`; a key may hold colons, a type does not. @throws usage (2) */
export function columnOf(text: string): SchemaColumn {
  const [, key, type, alias] = /^(.+):([^:@]+)(?:@(.+))?$/.exec(text) ?? []
  if (key === undefined)
    throw usageError(`'${text}' is no column; write NAME:TYPE, such as price:double, or NAME:TYPE@ALIAS`)
  return { key, type: type!, ...(alias === undefined ? {} : { alias }) }
}

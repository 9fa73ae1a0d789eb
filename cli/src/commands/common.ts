import type { Options } from '../command.ts'
import { LIST_FORMATS, type ListFormat } from '../output/rows.ts'

/** Options that several commands share. */
export const listFormat = {
  format: { kind: 'text', short: 'f', placeholder: 'FORMAT', choices: LIST_FORMATS, help: 'how to print it' },
} as const satisfies Options

export const formatOf = ({ format }: { format: string | undefined }): ListFormat =>
  (format ?? 'table') as ListFormat

export const force = (what: string) =>
  ({ force: { kind: 'switch', short: 'f', help: what } }) as const satisfies Options

export const DATABASE = { name: 'DATABASE', help: 'the name of a database', completes: 'database' } as const
export const TABLE = { name: 'TABLE', help: 'the name of a table', completes: 'table' } as const

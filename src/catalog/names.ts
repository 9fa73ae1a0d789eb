import { catalogErrors } from './errors.ts'

export function isName(name: string): boolean {
  return /^[a-z0-9_]{3,255}$/.test(name)
}

/**
 * Names are refused, never rewritten (td-client-ruby lib/td/client/api.rb, validate_database_name).
 * @throws name_invalid (400, final)
 */
export function requireName(what: 'database' | 'table', name: string): string {
  if (isName(name)) return name
  throw catalogErrors.name_invalid(`'${name}' is not a valid ${what} name`)
}

const RESERVED = new Set(['time', 'v'])
const LONGEST = 128

/**
 * The name under which SQL knows a column whose key the sender wrote: its own when it can be, otherwise squashed as
 * treasure-data/embulk-output-td does (TdOutputPlugin.java, FieldWriter names), then made unique with _1, _2 ….
 */
export function sqlNameOf(key: string, taken: (name: string) => boolean): string {
  const plain = /^[a-z_][a-z0-9_]*$/.test(key)
  const squashed = plain ? key : key.replace(/^[^A-Za-z_][^A-Za-z0-9_]*|[^A-Za-z0-9_]+/g, '_').toLowerCase()
  const base = Buffer.from(squashed === '' ? '_' : squashed).toString('latin1', 0, LONGEST)
  const used = (name: string) => RESERVED.has(name) || taken(name)
  if (!used(base)) return base
  for (let n = 1; ; n++) if (!used(`${base}_${n}`)) return `${base}_${n}`
}

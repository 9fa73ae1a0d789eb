import { CATALOG } from './analyze/index.ts'
import { findZone } from './functions/index.ts'
import { NOTED_CHOICES, NOTED_PROPERTIES } from './session-property-names.ts'

/** What values a property takes; `duration` is `1.5h`, `data-size` is `64MB`, `zone` the name of a time zone. */
export type PropertyKind =
  | 'boolean'
  | 'integer'
  | 'bigint'
  | 'double'
  | 'varchar'
  | 'duration'
  | 'data-size'
  | 'zone'
  | 'choice'

export type SessionProperty = {
  /** `name`, or `catalog.name`. */
  name: string
  kind: PropertyKind
  /** As SHOW SESSION shows it. */
  standard: string
  about: string
  /** Whether it does something; the others are noted. */
  matters: boolean
  choices?: readonly string[]
}

const own = (name: string, kind: PropertyKind, standard: string, about: string): SessionProperty => ({
  name,
  kind,
  standard,
  about,
  matters: true,
})

/** Those that do something. */
const OWN: readonly SessionProperty[] = [
  own('query_max_run_time', 'duration', '', 'Longest run of a statement, within the limit of the server'),
  own(
    'query_max_execution_time',
    'duration',
    '',
    'Longest run of a statement, within the limit of the server',
  ),
  own(
    'query_max_cpu_time',
    'duration',
    '',
    'Most processor time of a statement, within the limit of the server',
  ),
  {
    ...own(
      'query_priority',
      'integer',
      '1',
      'At the query gateway, the priority of the job: 1 is normal, 3 and more very high',
    ),
    // A job that runs has been given its turn.
    matters: false,
  },
  own(
    'max_recursion_depth',
    'integer',
    '10',
    'How often the step of a WITH RECURSIVE query is added at most',
  ),
  own('time_zone_id', 'zone', '', 'Time zone of the session'),
]

const NOTED = 'Noted, without effect: the engine plans and runs by itself'
const CHUNKS = 'Noted, without effect: chunks are cut by hours'

function notedProperties(): SessionProperty[] {
  const plain = Object.entries(NOTED_PROPERTIES).flatMap(([kind, list]) =>
    list
      .trim()
      .split(/\s+/)
      .map((entry): SessionProperty => {
        const [name, standard = ''] = entry.split('=') as [string, string?]
        return { name, kind: kind as PropertyKind, standard, about: NOTED, matters: false }
      }),
  )
  const choices = Object.entries(NOTED_CHOICES).map(
    ([name, [standard, list]]): SessionProperty => ({
      name,
      kind: 'choice',
      standard,
      about: NOTED,
      matters: false,
      choices: list.split(' '),
    }),
  )
  const partitioning = ['time_partitioning_range', `${CATALOG}.time_partitioning_range`].map(
    (name): SessionProperty => ({ name, kind: 'varchar', standard: '', about: CHUNKS, matters: false }),
  )
  return [...plain, ...choices, ...partitioning]
}

/** Every property there is, by its name in lower case. */
export const SESSION_PROPERTIES: ReadonlyMap<string, SessionProperty> = new Map(
  [...OWN, ...notedProperties()]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((property) => [property.name, property]),
)

/** The SQL type of a property's value. */
export function typeOfProperty({
  kind,
}: SessionProperty): 'boolean' | 'integer' | 'bigint' | 'double' | 'varchar' {
  return kind === 'boolean' || kind === 'integer' || kind === 'bigint' || kind === 'double' ? kind : 'varchar'
}

/** What is wrong with a value, in Trino's words; undefined when nothing is. */
export function faultOfValue(
  { name, kind, choices = [] }: SessionProperty,
  text: string,
): string | undefined {
  switch (kind) {
    case 'boolean':
      return /^(true|false)$/i.test(text) ? undefined : `${name} is invalid: ${text}`
    case 'integer':
      return isWhole(text, 31n) ? undefined : `${name} is invalid: ${text}`
    case 'bigint':
      return isWhole(text, 63n) ? undefined : `${name} is invalid: ${text}`
    case 'double':
      return text.trim() !== '' && Number.isFinite(Number(text)) ? undefined : `${name} is invalid: ${text}`
    case 'duration':
      return durationMs(text) !== undefined
        ? undefined
        : `duration is not a valid data duration string: ${text}`
    case 'data-size':
      return /^\s*\d+(\.\d+)?\s*(B|kB|MB|GB|TB|PB)\s*$/.test(text)
        ? undefined
        : `size is not a valid data size string: ${text}`
    case 'zone':
      return findZone(text) !== undefined ? undefined : `Time zone not supported: ${text}`
    case 'choice':
      return choices.some((choice) => choice.toLowerCase() === text.toLowerCase())
        ? undefined
        : `Invalid value [${text}]. Valid values: [${choices.join(', ')}]`
    case 'varchar':
      return undefined
  }
}

function isWhole(text: string, bits: bigint): boolean {
  if (!/^[+-]?\d{1,19}$/.test(text)) return false
  const value = BigInt(text)
  return value >= -(2n ** bits) && value < 2n ** bits
}

const UNIT_MS = { ns: 1e-6, us: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** `1.5h` (airlift Duration) in milliseconds; undefined when it is none. */
export function durationMs(text: string): number | undefined {
  const [, number, unit] = /^\s*(\d+(?:\.\d+)?)\s*(ns|us|ms|s|m|h|d)\s*$/.exec(text) ?? []
  return number === undefined ? undefined : Number(number) * UNIT_MS[unit as keyof typeof UNIT_MS]
}

/**
 * The statement that sets what a client said in a header. A name or a value that is wrong gives a statement that fails and says so.
 */
export function setSessionText(name: string, text: string): string {
  const property = SESSION_PROPERTIES.get(name.toLowerCase())
  const parts = name.split('.').map((part) => `"${part.replaceAll('"', '""')}"`)
  const isBare =
    property !== undefined &&
    typeOfProperty(property) !== 'varchar' &&
    faultOfValue(property, text) === undefined
  const literal = isBare ? bareLiteral(property, text) : `'${text.replaceAll("'", "''")}'`
  return `SET SESSION ${parts.join('.')} = ${literal}`
}

function bareLiteral({ kind }: SessionProperty, text: string): string {
  return kind === 'double' ? Number(text).toExponential() : text.toLowerCase()
}

/** Whether a statement runs, or fails, otherwise than without it. */
export function propertyMatters(name: string, text: string): boolean {
  const property = SESSION_PROPERTIES.get(name.toLowerCase())
  return property === undefined || property.matters || faultOfValue(property, text) !== undefined
}

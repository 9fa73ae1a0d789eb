import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { CityResponse, ConnectionTypeResponse, DomainResponse, Reader } from 'mmdb-lib'
import { readOnce } from './reference-files.ts'
import { doubleText } from './text.ts'

/** Look-ups of addresses in MaxMind files. */

type Answer = CityResponse & Partial<ConnectionTypeResponse & DomainResponse>

// Loaded when first used: every engine's start would pay for them.
const require = createRequire(import.meta.url)
const isIP = (text: string) => process.getBuiltinModule('node:net').isIP(text)

const databaseAt = readOnce('addresses', (path): Reader<Answer> => {
  const library = require('mmdb-lib') as typeof import('mmdb-lib')
  return new library.Reader<Answer>(readFileSync(path))
})

/** What the file says of the address; undefined for a bad or unknown one. */
function lookUp(address: string, path: string): Answer | undefined {
  const reader = databaseAt(path)
  const text = address.trim().replace(/^::ffff:(?=\d+\.)/i, '')
  const version = isIP(text)
  if (version === 0 || version > reader.metadata.ipVersion) return undefined
  return reader.get(text) ?? undefined
}

const degrees = (value: number | undefined): string | undefined =>
  value === undefined ? undefined : doubleText(value)

/** A name is in English, as GeoIP2 has it for all. */
const FACTS: Record<string, (answer: Answer) => string | undefined> = {
  country_code: ({ country }) => country?.iso_code,
  country_name: ({ country }) => country?.names.en,
  city_name: ({ city }) => city?.names.en,
  most_specific_subdivision_name: ({ subdivisions }) => subdivisions?.at(-1)?.names.en,
  least_specific_subdivision_name: ({ subdivisions }) => subdivisions?.[0]?.names.en,
  latitude: ({ location }) => degrees(location?.latitude),
  longitude: ({ location }) => degrees(location?.longitude),
  postal_code: ({ postal }) => postal?.code,
  time_zone: ({ location }) => location?.time_zone,
  metro_code: ({ location }) => location?.metro_code?.toString(),
  domain: ({ domain, traits }) => domain ?? traits?.domain,
  connection_type: ({ connection_type: type, traits }) => type ?? traits?.connection_type,
}

export const IP_FACTS: readonly string[] = Object.keys(FACTS)

export function ipFact(address: string, path: string, fact: string): string | null {
  const answer = lookUp(address, path)
  return (answer && FACTS[fact]!(answer)) ?? null
}

/** From the largest subdivision to the smallest. */
export function ipSubdivisions(address: string, path: string): { items: string[] } | null {
  const subdivisions = lookUp(address, path)?.subdivisions
  return subdivisions === undefined ? null : { items: subdivisions.map(({ names }) => names.en) }
}

import { readFileSync } from 'node:fs'
import { fault } from './errors-in-engine.ts'
import { readOnce } from './reference-files.ts'

/** Countries by their shapes: a GeoJSON file with the properties of Natural Earth's admin-0 countries. */

type Ring = [longitude: number, latitude: number][]
type Box = { west: number; east: number; south: number; north: number }
type Country = { properties: Map<string, string>; polygons: { rings: Ring[]; box: Box }[] }
type Feature = {
  properties: Record<string, unknown>
  geometry: { type: string; coordinates: Ring[] | Ring[][] } | null
}

/** Properties that hold a kind of name, the first that says something. Natural Earth writes -99 for nothing. */
const KINDS: Record<string, string[]> = {
  FULL_NAME: ['name_long', 'name', 'admin'],
  THREE_LETTER_ABBREVIATION: ['iso_a3', 'adm0_a3'],
  POSTAL_ABBREVIATION: ['postal', 'iso_a2'],
  SORTABLE_NAME: ['name_sort', 'name'],
}

const countriesAt = readOnce('countries', (path) => {
  const { features } = JSON.parse(readFileSync(path, 'utf8')) as { features: Feature[] }
  return features.map(readCountry)
})

function readCountry({ properties, geometry }: Feature): Country {
  const polygons =
    geometry?.type === 'Polygon' ? [geometry.coordinates as Ring[]] : (geometry?.coordinates ?? [])
  return {
    properties: new Map(
      Object.entries(properties).map(([name, value]) => [name.toLowerCase(), String(value)]),
    ),
    polygons: (polygons as Ring[][]).map((rings) => ({ rings, box: boxOf(rings[0]!) })),
  }
}

function boxOf(ring: Ring): Box {
  const box = { west: 180, east: -180, south: 90, north: -90 }
  for (const [longitude, latitude] of ring) {
    box.west = Math.min(box.west, longitude)
    box.east = Math.max(box.east, longitude)
    box.south = Math.min(box.south, latitude)
    box.north = Math.max(box.north, latitude)
  }
  return box
}

/** Name of the country at a place; null at sea. @throws Error INVALID_FUNCTION_ARGUMENT on an unknown kind of name. */
export function countryAt(kind: string, latitude: number, longitude: number, path: string): string | null {
  const names = Object.hasOwn(KINDS, kind) ? KINDS[kind] : undefined
  if (names === undefined) {
    const known = Object.keys(KINDS).join(', ')
    throw fault('INVALID_FUNCTION_ARGUMENT', `Unknown kind of country name '${kind}': one of ${known}`)
  }
  const found = countriesAt(path).find(({ polygons }) =>
    polygons.some(
      ({ rings, box }) => isWithin(box, longitude, latitude) && isInside(rings, longitude, latitude),
    ),
  )
  const name = names.map((key) => found?.properties.get(key)).find((value) => value && !isNothing(value))
  return name ?? null
}

const isNothing = (value: string): boolean => value === '-99' || value === 'null'

const isWithin = ({ west, east, south, north }: Box, longitude: number, latitude: number): boolean =>
  longitude >= west && longitude <= east && latitude >= south && latitude <= north

/** Within the outer ring and none of the holes: a line to the east crosses the rings an odd number of times. */
function isInside(rings: Ring[], longitude: number, latitude: number): boolean {
  let inside = false
  for (const ring of rings) {
    for (let i = 0, j = ring.length - 1; i < ring.length; j = i++) {
      const [x1, y1] = ring[i]!
      const [x2, y2] = ring[j]!
      const crosses =
        y1 > latitude !== y2 > latitude && longitude < ((x2 - x1) * (latitude - y1)) / (y2 - y1) + x1
      if (crosses) inside = !inside
    }
  }
  return inside
}

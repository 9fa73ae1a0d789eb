import { ingestErrors } from '../errors.ts'

export type EventRoute =
  /** Devices, td-js-sdk ≥ 3.1, and the ingestion API: `/{db}/{table}`. */
  | { kind: 'records'; database: string; table: string }
  /** td-js-sdk 1.x–3.x: `/js/v3/event/{db}/{table}`. */
  | { kind: 'browser'; database: string; table: string }
  | { kind: 'postback'; database: string; table: string }
  /** `/public/{db}/{table}`: td-js-sdk ≥ 4.3 asks for offers and sends the event along. */
  | { kind: 'personalization'; database: string; table: string }
  /** Devices of the first generation: all tables in one request. */
  | { kind: 'devices' }
  | { kind: 'global-id'; jsonp: boolean }
  | { kind: 'cookie-id' }
  | { kind: 'segments' }

/** First segments that are never a database: they belong to the REST API, the console and the protocols here. */
const RESERVED = new Set(['v3', 'v4', 'js', 'android', 'ios', 'postback', 'public', 'app', 'api'])

/** The global id call of td-js-sdk ≥ 3.1 is `GET /` with this type (treasure-data/td-js-sdk lib/plugins/globalid.js). */
export const JS_TYPE = 'application/vnd.treasuredata.v1.js+json'

const FIXED: Record<string, EventRoute> = {
  '/android/v3/event': { kind: 'devices' },
  '/ios/v3/event': { kind: 'devices' },
  '/js/v3/global_id': { kind: 'global-id', jsonp: true },
  '/js/v3/enable_global_id': { kind: 'global-id', jsonp: false },
  '/get_cookie_id': { kind: 'cookie-id' },
  '/cdp/lookup/collect/segments': { kind: 'segments' },
}
const WITH_TABLE = [
  { prefix: '/js/v3/event/', kind: 'browser' },
  { prefix: '/postback/v3/event/', kind: 'postback' },
  { prefix: '/public/', kind: 'personalization' },
] as const

/** Which call of the event protocols this is; undefined: none, it is for somebody else. */
export function eventRouteOf(
  method: string | undefined,
  path: string,
  accept: string | undefined,
): EventRoute | undefined {
  if (path.startsWith('/v3/')) return undefined
  if (path === '/') {
    const asksForId = method === 'OPTIONS' || (method === 'GET' && accept?.includes(JS_TYPE))
    return asksForId ? { kind: 'global-id', jsonp: false } : undefined
  }
  if (Object.hasOwn(FIXED, path)) return FIXED[path]
  for (const { prefix, kind } of WITH_TABLE) {
    if (!path.startsWith(prefix)) continue
    const names = twoNames(path, prefix.length)
    return names && { kind, ...names }
  }
  if (method !== 'POST' && method !== 'OPTIONS') return undefined
  const names = twoNames(path, 1)
  return names === undefined || RESERVED.has(names.database) ? undefined : { kind: 'records', ...names }
}

/** `{db}/{table}` from `at` to the end; undefined when there are more or fewer segments. */
function twoNames(path: string, at: number): { database: string; table: string } | undefined {
  const slash = path.indexOf('/', at)
  if (slash <= at || slash === path.length - 1 || path.includes('/', slash + 1)) return undefined
  return { database: path.slice(at, slash), table: path.slice(slash + 1) }
}

const NAME = /^[a-z0-9_]{3,255}$/

export const isName = (name: string): boolean => NAME.test(name)

/** @throws event_name_invalid (400): the names of a path are never rewritten */
export function requireNames({ database, table }: { database: string; table: string }): void {
  for (const name of [database, table]) if (!NAME.test(name)) throw ingestErrors.event_name_invalid(name)
}

import type { IncomingHttpHeaders } from 'node:http'
import { refusals } from './errors.ts'
import type { FieldForm } from './type-signature.ts'

/** Old clients say X-Presto-…, newer ones X-Trino-…; each is answered in its own. */
export type Family = 'Presto' | 'Trino'

/** What a client says about itself and its session; it says it with every statement, the server keeps none of it. */
export type ClientSession = {
  family: Family
  user: string | undefined
  source: string
  schema: string | undefined
  timeZone: string | undefined
  properties: ReadonlyMap<string, string>
  /** Texts of prepared statements by name. */
  prepared: ReadonlyMap<string, string>
  capabilities: ReadonlySet<string>
  /** Forms of rows it reads besides the usual one, the one it likes best first. */
  encodings: readonly string[]
  fields: FieldForm
}

type Headers = IncomingHttpHeaders

/**
 * Reads the headers of a statement (trinodb/trino ProtocolHeaders.java). @throws Refusal 400 when both families are there or a list cannot be
 * read
 */
export function readClientSession(headers: Headers): ClientSession {
  const family = familyOf(headers)
  const value = (name: string) => text(headers[`x-${family.toLowerCase()}-${name}`])
  return {
    family,
    user: value('user'),
    source: value('source') ?? '',
    schema: value('schema')?.toLowerCase(),
    timeZone: value('time-zone'),
    properties: pairs(value('session'), `X-${family}-Session`),
    prepared: pairs(value('prepared-statement'), `X-${family}-Prepared-Statement`),
    capabilities: new Set(items(value('client-capabilities')).map((item) => item.toUpperCase())),
    encodings: items(value('query-data-encoding')),
    // The releases of prestodb/presto are the ones that are called 0.something.
    fields: /\/0\.\d/.test(headers['user-agent'] ?? '') && family === 'Presto' ? 'text' : 'structured',
  }
}

function familyOf(headers: Headers): Family {
  const isSent = (family: string) => headers[`x-${family}-user`] !== undefined
  if (isSent('presto') && isSent('trino')) throw refusals.bothFamilies()
  if (isSent('presto')) return 'Presto'
  if (isSent('trino')) return 'Trino'
  // A client may name the user with Basic authentication only.
  return Object.keys(headers).some((name) => name.startsWith('x-presto-')) ? 'Presto' : 'Trino'
}

/** Several headers of one name are one list. */
function text(value: string | string[] | undefined): string | undefined {
  const joined = Array.isArray(value) ? value.join(',') : value
  return joined === undefined || joined === '' ? undefined : joined
}

function items(list: string | undefined): string[] {
  return (list ?? '')
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
}

/** `k=v,…` with both sides URL-encoded. */
function pairs(list: string | undefined, header: string): ReadonlyMap<string, string> {
  return new Map(
    items(list).map((item): [string, string] => {
      const at = item.indexOf('=')
      if (at < 1) throw refusals.badHeader(header, 'is not a list of name=value')
      return [decoded(item.slice(0, at), header), decoded(item.slice(at + 1), header)]
    }),
  )
}

function decoded(encoded: string, header: string): string {
  try {
    return decodeURIComponent(encoded.replaceAll('+', ' '))
  } catch {
    throw refusals.badHeader(header, 'is not URL-encoded')
  }
}

/**
 * The API key as `TD1 KEY`, wherever the client put it: X-*-User, the name of Basic, Bearer, TD1 (reference/gateway.md §9).
 * undefined when none was sent.
 */
export function keyHeaderOf(headers: Headers, user: string | undefined): string | undefined {
  const [, scheme, credentials] = /^\s*(\w+)\s+(.+?)\s*$/.exec(headers.authorization ?? '') ?? []
  switch (scheme?.toLowerCase()) {
    case 'td1':
    case 'bearer':
      return `TD1 ${credentials}`
    case 'basic': {
      const name = Buffer.from(credentials!, 'base64').toString().split(':', 1)[0]
      return name === '' ? undefined : `TD1 ${decodedUser(name!)}`
    }
    default:
      return user === undefined ? undefined : `TD1 ${decodedUser(user)}`
  }
}

/** Some drivers URL-encode the slash of a key. */
function decodedUser(user: string): string {
  return user.replace(/%2f/i, '/')
}

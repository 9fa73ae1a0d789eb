import { fault } from './errors-in-engine.ts'

/** A URI's parts as java.net.URI sees them; undefined parts are absent. */
export type Uri = {
  scheme?: string | undefined
  host?: string | undefined
  port?: number | undefined
  path?: string | undefined
  rawQuery?: string | undefined
  fragment?: string | undefined
}

const PARTS = /^(?:([^:/?#]+):)?(?:\/\/([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/s
// Everything java.net.URI refuses unescaped; letters beyond ASCII are allowed ("other" characters).
const ILLEGAL =
  /[\u0000-\u0020"<>\\^`{|}\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]|%(?![0-9A-Fa-f]{2})/

/** undefined for a text that is no URI. */
export function readUri(text: string): Uri | undefined {
  if (ILLEGAL.test(text)) return undefined
  const [, scheme, authority, path, rawQuery, fragment] = PARTS.exec(text) ?? []
  if (scheme === undefined && /^[^/?#]*:/.test(text)) return undefined
  if (scheme !== undefined && !/^[A-Za-z][A-Za-z0-9+.-]*$/.test(scheme)) return undefined
  if (/[[\]]/.test(`${path}`) || /#/.test(fragment ?? '')) return undefined
  if (scheme !== undefined && !authority && path === '') return undefined
  // mailto:a@b is opaque: it has neither path nor query.
  if (scheme !== undefined && authority === undefined && !path!.startsWith('/')) {
    return { scheme, fragment: fragment && decodePercent(fragment) }
  }
  return {
    scheme,
    ...readAuthority(authority),
    path: decodePercent(path ?? ''),
    rawQuery,
    fragment: fragment && decodePercent(fragment),
  }
}

/** Host and port of a server; an authority that is no server (an underscore in the name) has neither. */
function readAuthority(authority: string | undefined): Pick<Uri, 'host' | 'port'> {
  const found = /^(?:[^@]*@)?(\[[0-9A-Fa-f:.%\w]+\]|[^:@[\]]*)(?::(\d*))?$/.exec(authority ?? '')
  if (found === null || !isHost(found[1]!)) return {}
  return { host: found[1], ...(found[2] ? { port: Number(found[2]) } : {}) }
}

const isHost = (name: string): boolean =>
  name.startsWith('[') ||
  (/^\d{1,3}(\.\d{1,3}){3}$/.test(name) && name.split('.').every((part) => Number(part) <= 255)) ||
  /^(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)*[A-Za-z](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.?$/.test(name)

/** Percent escapes as UTF-8; what is no UTF-8 becomes U+FFFD, as Java has it. */
export function decodePercent(text: string): string {
  if (!text.includes('%')) return text
  return text.replace(/(?:%[0-9A-Fa-f]{2})+/g, (run) =>
    Buffer.from(run.replaceAll('%', ''), 'hex').toString('utf8'),
  )
}

/** Form encoding as java.net.URLEncoder and Guava's form escaper do it: letters, digits and -_.* stay, a space is +. */
export const encodeForm = (text: string): string =>
  encodeURIComponent(text.toWellFormed())
    .replaceAll('%20', '+')
    .replace(/[!'()~]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)

function brokenEscape(digits: string): string {
  if (digits.length < 2) return 'Incomplete trailing escape (%) pattern'
  const at = /^[0-9A-Fa-f]/.test(digits) ? 1 : 0
  return `Illegal hex characters in escape (%) pattern - Error at index ${at} in: "${digits}"`
}

/** @throws Error INVALID_FUNCTION_ARGUMENT on a broken escape, unless lenient: then it stays as it is. */
export function decodeForm(text: string, lenient = false): string {
  const broken = lenient ? null : /%(?![0-9A-Fa-f]{2})(.{0,2})/s.exec(text)
  if (broken !== null) throw fault('INVALID_FUNCTION_ARGUMENT', `URLDecoder: ${brokenEscape(broken[1]!)}`)
  return decodePercent(text.replaceAll('+', ' '))
}

/** The value of the first parameter of that name: '' when it has none, undefined when it is absent. */
export function parameterOf({ rawQuery }: Uri, name: string): string | undefined {
  if (rawQuery === undefined) return undefined
  for (const argument of rawQuery.split('&')) {
    const at = argument.indexOf('=')
    if ((at < 0 ? argument : argument.slice(0, at)) === name)
      return at < 0 ? '' : decodeForm(argument.slice(at + 1), true)
  }
  return undefined
}

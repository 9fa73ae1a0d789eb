import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { usageError } from './errors.ts'
import type { Globals } from './parse.ts'

export type Environment = Record<string, string | undefined>

/** Where the server is and who asks, each with where it was read: what is wrong has to be mended there. */
export type Settings = {
  apiKey: string | undefined
  keyFrom: string
  endpoint: URL
  endpointFrom: string
  /** The key is out of td's file, which names no server: it may be meant for Treasure Data's own. */
  isForeignKey: boolean
  importEndpoint: URL
  insecure: boolean
  waitMs: number | undefined
  /** Sent with every request: lines `Name=value` of TD_API_HEADERS. */
  extraHeaders: Record<string, string>
  /** The file that `account`, `apikey:set` and `server:endpoint` write. */
  configPath: string
}

const LOCAL = 'http://127.0.0.1:8080'

/** The section `[account]` of a configuration file in the form of td (`~/.td/td.conf`). */
export type Account = { user?: string; apikey?: string; endpoint?: string; import_endpoint?: string }

/**
 * Options win over MILLRACE_… variables, those over td's, those over the files: the one named by --config, otherwise our
 * own, otherwise td's. Key and endpoint of files are taken from one file: a key is never sent to a server of another.
 * @throws usage (2) for an endpoint that is no URL, a file that was named and cannot be read
 */
export function readSettings(globals: Globals, env: Environment): Settings {
  const { account, path, isTd } = readAccount(globals, env)
  const [apiKey, keyFrom] = first([
    [globals.apikey, '--apikey'],
    [env.MILLRACE_API_KEY, 'MILLRACE_API_KEY'],
    [env.TD_API_KEY, 'TD_API_KEY'],
    [env.TREASURE_DATA_API_KEY, 'TREASURE_DATA_API_KEY'],
    [account.apikey, path],
  ])
  const [endpoint, endpointFrom] = first([
    [globals.endpoint, '--endpoint'],
    [env.MILLRACE_ENDPOINT, 'MILLRACE_ENDPOINT'],
    [env.TD_API_SERVER, 'TD_API_SERVER'],
    [env.TREASURE_DATA_API_SERVER, 'TREASURE_DATA_API_SERVER'],
    [account.endpoint, path],
  ])
  const [importEndpoint, importFrom] = first([
    [globals['import-endpoint'], '--import-endpoint'],
    [env.MILLRACE_IMPORT_ENDPOINT, 'MILLRACE_IMPORT_ENDPOINT'],
    [env.TD_API_IMPORT_SERVER, 'TD_API_IMPORT_SERVER'],
    [env.TREASURE_DATA_API_IMPORT_SERVER, 'TREASURE_DATA_API_IMPORT_SERVER'],
    [endpointFrom === path ? account.import_endpoint : undefined, path],
  ])
  const server = originOf(endpoint ?? LOCAL, endpointFrom || 'the default')
  return {
    apiKey,
    keyFrom,
    endpoint: server,
    isForeignKey: endpoint === undefined && isTd && keyFrom === path,
    endpointFrom: endpoint === undefined ? 'the default' : endpointFrom,
    importEndpoint: importEndpoint === undefined ? server : originOf(importEndpoint, importFrom),
    insecure: globals.insecure,
    waitMs: globals.wait,
    extraHeaders: headersOf(env.TD_API_HEADERS),
    configPath: configPathOf(globals, env),
  }
}

function first(sources: [value: string | undefined, from: string][]): [string | undefined, string] {
  return sources.find(([value]) => value !== undefined && value !== '') ?? [undefined, '']
}

/** Scheme, host and port; td refuses a path as well. @throws usage (2) */
export function originOf(text: string, from: string): URL {
  // td's configuration may name a host alone, which is reached by TLS.
  const url = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `https://${text}`)
  const isHttp = url?.protocol === 'http:' || url?.protocol === 'https:'
  if (url === null || !isHttp)
    throw usageError(`${from}: '${text}' is not a URL such as http://127.0.0.1:8080`)
  if (url.pathname !== '/' || url.search !== '')
    throw usageError(`${from}: '${text}' has a path; name scheme, host and port only`)
  return url
}

/** Where our own configuration lies, the only one that is ever written: named by an option or a variable, otherwise in the place the desktop standard gives. */
function configPathOf(globals: Globals, env: Environment): string {
  const named = globals.config ?? env.MILLRACE_CONFIG_PATH
  return named || join(env.XDG_CONFIG_HOME || join(env.HOME ?? '.', '.config'), 'millrace', 'millrace.conf')
}

function readAccount(globals: Globals, env: Environment): { account: Account; path: string; isTd: boolean } {
  const own = configPathOf(globals, env)
  const ownText = textOf(own)
  if (ownText === undefined && globals.config !== undefined && globals.apikey === undefined)
    throw usageError(`${own}: there is no such file`)
  if (ownText !== undefined) return { account: parseAccount(ownText), path: own, isTd: false }
  const td = env.TD_CONFIG_PATH || join(env.HOME ?? '.', '.td', 'td.conf')
  return { account: parseAccount(textOf(td) ?? ''), path: td, isTd: true }
}

/** undefined when there is no such file. @throws usage (2) when it cannot be read */
function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw usageError(`${path} cannot be read: ${(error as Error).message}`)
  }
}

/** td's form: `[account]`, then `name = value` (treasure-data/td lib/td/config.rb); what else is in it is left alone. */
export function parseAccount(text: string): Account {
  let section = ''
  const found: Record<string, string> = {}
  for (const line of text.split('\n')) {
    section = /^\s*\[([^\]]*)\]\s*$/.exec(line)?.[1] ?? section
    const [, name, value] = /^\s*([a-z_]+)\s*=\s*(.*?)\s*$/.exec(line) ?? []
    if (section === 'account' && name !== undefined && value !== '') found[name] = value!
  }
  return found as Account
}

/** Sets names of the section `[account]` (undefined removes one) and keeps every other line as it is. */
export function changedAccount(text: string, change: Account): string {
  const left = new Map(Object.entries(change))
  const lines: string[] = []
  let section = ''
  let end = -1
  for (const line of text === '' ? [] : text.replace(/\n$/, '').split('\n')) {
    section = /^\s*\[([^\]]*)\]\s*$/.exec(line)?.[1] ?? section
    const name = section === 'account' ? /^\s*([a-z_]+)\s*=/.exec(line)?.[1] : undefined
    const isChanged = name !== undefined && name in change
    const value = isChanged ? change[name as keyof Account] : undefined
    if (isChanged) left.delete(name)
    if (!isChanged) lines.push(line)
    else if (value !== undefined) lines.push(`  ${name} = ${value}`)
    if (section === 'account' && line.trim() !== '') end = lines.length
  }
  if (end < 0) {
    lines.push('[account]')
    end = lines.length
  }
  const added = [...left].flatMap(([name, value]) => (value === undefined ? [] : [`  ${name} = ${value}`]))
  return `${[...lines.slice(0, end), ...added, ...lines.slice(end)].join('\n')}\n`
}

/** Replaces the file as a whole, readable by its owner only. @throws usage (2) when it cannot be written */
export function writeAccount(path: string, change: Account): void {
  const beside = `${path}.${process.pid}`
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    writeFileSync(beside, changedAccount(textOf(path) ?? '', change), { mode: 0o600, flush: true })
    renameSync(beside, path)
  } catch (error) {
    rmSync(beside, { force: true })
    throw usageError(`${path} cannot be written: ${(error as Error).message}`)
  }
}

function headersOf(text: string | undefined): Record<string, string> {
  const lines = (text ?? '').split('\n').map((line) => /^\s*([A-Za-z0-9-]+)\s*=\s*(.*?)\s*$/.exec(line))
  return Object.fromEntries(lines.flatMap((match) => (match === null ? [] : [[match[1]!, match[2]!]])))
}

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/**
 * What a User-Agent says by the patterns of uap-core, matched as its specification has it: the first pattern of each of three
 * lists that fits; its groups, or what the pattern puts in their place, are family and version.
 */
export type Agent = {
  user_agent: { family: string; major: string; minor: string; patch: string }
  os: { family: string; major: string; minor: string; patch: string; patch_minor: string }
  device: { family: string }
}

type Pattern = { source: string; flags: string; replacements: (string | undefined)[]; compiled?: RegExp }
type Lists = { browsers: Pattern[]; systems: Pattern[]; devices: Pattern[] }

/** Names of the replacements of each list, in the order of the parts of the answer. */
const REPLACEMENTS = {
  user_agent_parsers: ['family_replacement', 'v1_replacement', 'v2_replacement', 'v3_replacement'],
  os_parsers: [
    'os_replacement',
    'os_v1_replacement',
    'os_v2_replacement',
    'os_v3_replacement',
    'os_v4_replacement',
  ],
  device_parsers: ['device_replacement'],
} as const

const MOST_REMEMBERED = 1000
const MOST_CHARACTERS = 2000

let lists: Lists | undefined
const remembered = new Map<string, Agent>()

/** Answers of late are remembered: a table holds few different agents. Beyond 2,000 characters nothing is looked at. */
export function parseAgent(text: string): Agent {
  const cut = text.slice(0, MOST_CHARACTERS)
  const known = remembered.get(cut)
  if (known !== undefined) return known
  lists ??= readLists()
  const [family = 'Other', major = '', minor = '', patch = ''] = firstMatch(lists.browsers, cut)
  const [osFamily = 'Other', osMajor = '', osMinor = '', osPatch = '', patchMinor = ''] = firstMatch(
    lists.systems,
    cut,
  )
  const [device = 'Other'] = firstMatch(lists.devices, cut)
  const agent: Agent = {
    user_agent: { family, major, minor, patch },
    os: { family: osFamily, major: osMajor, minor: osMinor, patch: osPatch, patch_minor: patchMinor },
    device: { family: device },
  }
  if (remembered.size >= MOST_REMEMBERED) remembered.clear()
  remembered.set(cut, agent)
  return agent
}

/** The parts that the first fitting pattern gives; none when no pattern fits. Empty ones are undefined. */
function firstMatch(patterns: Pattern[], text: string): (string | undefined)[] {
  for (const pattern of patterns) {
    pattern.compiled ??= new RegExp(pattern.source, pattern.flags)
    const groups = pattern.compiled.exec(text)
    if (groups === null) continue
    return pattern.replacements.map((replacement, i) => {
      const part = replacement?.replace(/\$(\d)/g, (_, group) => groups[Number(group)] ?? '')
      return (part ?? groups[i + 1] ?? '').trim() || undefined
    })
  }
  return []
}

function readLists(): Lists {
  const text = readFileSync(fileURLToPath(import.meta.resolve('uap-core/regexes.yaml')), 'utf8')
  const read = readPatterns(text)
  return {
    browsers: patternsOf(read, 'user_agent_parsers'),
    systems: patternsOf(read, 'os_parsers'),
    devices: patternsOf(read, 'device_parsers'),
  }
}

function patternsOf(read: Map<string, Record<string, string>[]>, list: keyof typeof REPLACEMENTS): Pattern[] {
  return (read.get(list) ?? []).map((entry) => ({
    source: entry.regex!,
    flags: entry.regex_flag ?? '',
    replacements: REPLACEMENTS[list].map((name) => entry[name]),
  }))
}

/**
 * The YAML that the file is written in: lists by name, their entries as `key: 'text'` lines.
 *
 * @throws SyntaxError on a line of any other form, so that a new release of the file cannot be misread.
 */
export function readPatterns(text: string): Map<string, Record<string, string>[]> {
  const found = new Map<string, Record<string, string>[]>()
  let entries: Record<string, string>[] = []
  for (const [i, line] of text.split('\n').entries()) {
    if (/^\s*(#|$)/.test(line)) continue
    const list = /^(\w+):\s*(?:#.*)?$/.exec(line)
    if (list !== null) {
      entries = []
      found.set(list[1]!, entries)
      continue
    }
    const pair =
      /^\s+(- +)?(\w+): *(?:'((?:[^']|'')*)'|"((?:[^"\\]|\\.)*)"|([^'"#\s][^#]*?))\s*(?:#.*)?$/.exec(line)
    if (pair === null) throw new SyntaxError(`line ${i + 1} of the User-Agent patterns: ${line}`)
    const [, dash, key, single, double, plain] = pair
    if (dash !== undefined) entries.push({})
    const value = single?.replaceAll("''", "'") ?? (double === undefined ? plain! : JSON.parse(`"${double}"`))
    entries.at(-1)![key!] = value
  }
  return found
}

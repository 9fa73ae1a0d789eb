import { createRequire } from 'node:module'
import type Woothee from 'woothee'
import { type FunctionDefinition, scalar } from './define.ts'
import { fault } from './errors-in-engine.ts'
import { pureFunction } from './javascript-helpers.ts'
import type { DuckMap } from './text.ts'
import type { JavaScriptFunction } from './types.ts'
import { type Agent, parseAgent } from './user-agents.ts'

/** What a browser says of itself: by woothee (TD_PARSE_AGENT), by the patterns of uap-core (TD_PARSE_USER_AGENT). */

// Loaded when first used: every engine's start would pay for it.
const require = createRequire(import.meta.url)
let woothee: typeof Woothee | undefined

const MOST_REMEMBERED = 1000
const MOST_CHARACTERS = 2000
const remembered = new Map<string, DuckMap<string, string>>()

/** What is not recognised is the text UNKNOWN. */
function parseWithWoothee(text: string): DuckMap<string, string> {
  const cut = text.slice(0, MOST_CHARACTERS)
  const known = remembered.get(cut)
  if (known !== undefined) return known
  woothee ??= require('woothee') as typeof Woothee
  const parsed = woothee.parse(cut)
  const keys = ['os', 'vendor', 'os_version', 'name', 'category', 'version'] as const
  const map = { entries: keys.map((key) => ({ key, value: parsed[key] || 'UNKNOWN' })) }
  if (remembered.size >= MOST_REMEMBERED) remembered.clear()
  remembered.set(cut, map)
  return map
}

/** `os` and `ua` are objects, their parts texts: NULL where the agent does not say. */
const OPTIONS: Record<string, (agent: Agent) => string> = {
  os: ({ os }) => JSON.stringify(os),
  os_family: ({ os }) => os.family,
  os_major: ({ os }) => os.major,
  os_minor: ({ os }) => os.minor,
  ua: (agent) => JSON.stringify(agent.user_agent),
  ua_family: (agent) => agent.user_agent.family,
  ua_major: (agent) => agent.user_agent.major,
  ua_minor: (agent) => agent.user_agent.minor,
  device: ({ device }) => JSON.stringify(device),
}

function partOf(text: string, option: string): string | null {
  const part = Object.hasOwn(OPTIONS, option) ? OPTIONS[option] : undefined
  if (part === undefined) {
    const known = Object.keys(OPTIONS).join(', ')
    throw fault('INVALID_FUNCTION_ARGUMENT', `Unknown option '${option}': one of ${known}`)
  }
  return part(parseAgent(text)) || null
}

export const definitions: FunctionDefinition[] = [
  ...scalar('td_parse_agent(varchar) -> map(varchar, varchar)', 'p_td_parse_agent($1)'),
  ...scalar('td_parse_user_agent(varchar) -> varchar', 'p_td_parse_user_agent($1)'),
  ...scalar('td_parse_user_agent(varchar, varchar) -> varchar', 'p_td_parse_user_agent_part($1, $2)'),
]

export const javascript: JavaScriptFunction[] = [
  pureFunction('p_td_parse_agent(VARCHAR) -> MAP(VARCHAR, VARCHAR)', parseWithWoothee),
  pureFunction('p_td_parse_user_agent(VARCHAR) -> VARCHAR', (text: string) =>
    JSON.stringify(parseAgent(text)),
  ),
  pureFunction('p_td_parse_user_agent_part(VARCHAR, VARCHAR) -> VARCHAR', partOf),
]

import woothee from 'woothee'

/** What the columns `td_browser`, `td_browser_version`, `td_os` and `td_os_version` are made of; null = not recognised. */
export type UserAgent = {
  browser: string | null
  browserVersion: string | null
  os: string | null
  osVersion: string | null
}
export type UserAgentParser = (text: string) => UserAgent

const MOST_REMEMBERED = 1000
const MOST_CHARACTERS = 1000

/** By woothee, whose names `TD_PARSE_AGENT` documents; the answers of late are remembered: pages come with few different browsers. */
export function createUserAgentParser(): UserAgentParser {
  const remembered = new Map<string, UserAgent>()
  return (text) => {
    const cut = text.slice(0, MOST_CHARACTERS)
    const known = remembered.get(cut)
    if (known !== undefined) return known
    const { name, version, os, os_version: osVersion } = woothee.parse(cut)
    const parsed = {
      browser: recognised(name),
      browserVersion: recognised(version),
      os: recognised(os),
      osVersion: recognised(osVersion),
    }
    if (remembered.size >= MOST_REMEMBERED) remembered.clear()
    remembered.set(cut, parsed)
    return parsed
  }
}

function recognised(text: string): string | null {
  return text === 'UNKNOWN' || text === '' ? null : text
}

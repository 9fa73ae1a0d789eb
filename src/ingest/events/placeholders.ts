import type { UserAgentParser } from './user-agent.ts'

/** What the request says about its sender; the columns a browser leaves to the server are made of it. */
export type SenderFacts = {
  address: string
  userAgent: string
  globalId: string | undefined
}

/** Nobody resolves them, and the literal is never stored. */
const NOTHING = JSON.stringify({
  td_ip: null,
  td_browser: null,
  td_browser_version: null,
  td_os: null,
  td_os_version: null,
  td_global_id: null,
})

/** td-js-sdk 1.x–3.x: all six (event-collection reference §8.6). JSON for the spool record's fact `replace`. */
export function replaceAll(sender: SenderFacts, parse: UserAgentParser): string {
  const { browser, browserVersion, os, osVersion } = parse(sender.userAgent)
  return JSON.stringify({
    td_ip: sender.address,
    td_browser: browser,
    td_browser_version: browserVersion,
    td_os: os,
    td_os_version: osVersion,
    td_global_id: sender.globalId ?? null,
  })
}

/** Signed mode of td-js-sdk 4.x: only the global id; `td_ip` is added, not replaced. */
export function replaceGlobalId({ globalId }: SenderFacts): string {
  return globalId === undefined
    ? NOTHING
    : NOTHING.replace('"td_global_id":null', `"td_global_id":"${globalId}"`)
}

export const replaceNothing = (): string => NOTHING

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium } from 'playwright-core'

/** A real browser that opens one page and lets it do what it does. */
export type OpenBrowser = { close(): Promise<void> }

const find = (names: string[]) => names.map((name) => `/usr/bin/${name}`).find((path) => existsSync(path))

const chromiumPath = find(['chromium', 'chromium-browser', 'google-chrome'])
const firefoxPath = find(['firefox-esr', 'firefox'])

/** Why a test with this browser cannot run here; false when it can, or must (CI). */
export function missing(browser: 'chromium' | 'firefox'): string | false {
  const path = browser === 'chromium' ? chromiumPath : firefoxPath
  if (path !== undefined || process.env.REQUIRE_CLIENTS === '1') return false
  return `${browser} is not installed (Debian: apt-get install ${browser === 'chromium' ? 'chromium' : 'firefox-esr'})`
}

const QUIET_CHROMIUM = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

export async function openChromium(url: string): Promise<OpenBrowser> {
  const browser = await chromium.launch({ executablePath: chromiumPath!, args: QUIET_CHROMIUM })
  const context = await browser.newContext({ ignoreHTTPSErrors: true })
  const page = await context.newPage()
  await page.goto(url, { waitUntil: 'commit' })
  return browser
}

/** Nothing but the page: no first-run tabs, no telemetry, no safe-browsing lists, no captive-portal probe. */
const QUIET_FIREFOX = {
  'app.normandy.enabled': false,
  'app.update.auto': false,
  'browser.aboutwelcome.enabled': false,
  'browser.safebrowsing.malware.enabled': false,
  'browser.safebrowsing.phishing.enabled': false,
  'browser.shell.checkDefaultBrowser': false,
  'browser.startup.homepage_override.mstone': 'ignore',
  'datareporting.policy.dataSubmissionEnabled': false,
  'datareporting.policy.dataSubmissionPolicyBypassNotification': true,
  'extensions.getAddons.cache.enabled': false,
  'extensions.update.enabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'toolkit.telemetry.enabled': false,
  'toolkit.telemetry.reportingpolicy.firstRun': false,
}

/** Debian's Firefox, headless; playwright-core drives only builds of its own, and the page needs no driving. */
export async function openFirefox(url: string): Promise<OpenBrowser> {
  const profile = mkdtempSync(join(tmpdir(), 'millrace-firefox-'))
  const preferences = Object.entries(QUIET_FIREFOX).map(
    ([name, value]) => `user_pref("${name}", ${JSON.stringify(value)});`,
  )
  writeFileSync(join(profile, 'user.js'), preferences.join('\n'))
  const child = spawn(firefoxPath!, ['--headless', '--no-remote', '--profile', profile, url], {
    stdio: 'ignore',
    env: { ...process.env, HOME: profile, MOZ_CRASHREPORTER_DISABLE: '1' },
    detached: true,
  })
  await once(child, 'spawn')
  return {
    async close() {
      await end(child)
      rmSync(profile, { recursive: true, force: true, maxRetries: 10 })
    },
  }
}

/** The whole group: Firefox is many processes. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  process.kill(-child.pid!, 'SIGKILL')
  await ended
}

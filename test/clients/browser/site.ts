import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { buildSync } from 'esbuild'

/** What the page does; see page.js. */
export type BrowserRun = {
  name: string
  /** Which of the pinned td-js-sdk aliases: 1 (1.9.2), 2 (2.5.3), 3 (3.1.4), 4 (4.4.3). */
  sdk: 1 | 2 | 3 | 4
  database: string
  table: string
  writeKey: string
  endpoint: string
  count: number
  atOnce: number
  /** The page leaves for its successor when so many events have been begun, with these still in flight. */
  leaveAt: number[]
  /** Goes on in portions past `count`, until the site is told `enough`. */
  isLasting: boolean
}

export type BrowserReport = { attempted: number; acknowledged: number[]; refused: number[] }

export type Site = {
  /** Where a browser has to be sent for the run. */
  urlOf(run: BrowserRun): string
  /** What the page says when every event is settled; rejects after the time. */
  report(timeoutMs: number): Promise<BrowserReport>
  /** Lets a lasting run end. */
  enough(): void
  close(): Promise<void>
}

const root = join(import.meta.dirname, '..', '..', '..')

/** A customer's web site on a port of its own: to the collector its pages are another origin. */
export async function startSite(): Promise<Site> {
  const script = readFileSync(join(import.meta.dirname, 'page.js'))
  const bundles = new Map<string, string>()
  let arrived: (report: BrowserReport) => void = () => {}
  let isEnough = false
  const server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://site')
    if (pathname === '/report') {
      let body = ''
      for await (const part of request.setEncoding('utf8')) body += part
      response.end()
      arrived(JSON.parse(body))
    } else if (pathname === '/enough') {
      response.end(JSON.stringify(isEnough))
    } else if (pathname === '/page.js') {
      response.setHeader('Content-Type', 'text/javascript').end(script)
    } else if (pathname.startsWith('/sdk/')) {
      const sdk = pathname.slice(5, 6)
      if (!bundles.has(sdk)) bundles.set(sdk, bundleOf(sdk))
      response.setHeader('Content-Type', 'text/javascript').end(bundles.get(sdk))
    } else if (pathname === '/') {
      const { sdk } = JSON.parse(searchParams.get('run')!) as BrowserRun
      response.setHeader('Content-Type', 'text/html; charset=utf-8').setHeader('Cache-Control', 'no-store')
      response.end(
        `<!doctype html><title>A shop</title><script src="/sdk/${sdk}.js"></script><script src="/page.js"></script>`,
      )
    } else response.writeHead(404).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    urlOf: (run) => `http://localhost:${port}/?run=${encodeURIComponent(JSON.stringify(run))}`,
    report: (timeoutMs) =>
      new Promise((resolve, reject) => {
        const late = setTimeout(
          () => reject(new Error(`no report from the page in ${timeoutMs} ms`)),
          timeoutMs,
        )
        arrived = (report) => {
          clearTimeout(late)
          resolve(report)
        }
      }),
    enough() {
      isEnough = true
    },
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** The package as a page would load it; the old releases bring no bundle of their own. */
function bundleOf(sdk: string): string {
  const { outputFiles } = buildSync({
    stdin: {
      contents: `const sdk = require('td-js-sdk-${sdk}'); window.Treasure = sdk.default ?? sdk`,
      resolveDir: root,
    },
    bundle: true,
    write: false,
    format: 'iife',
    platform: 'browser',
    define: { global: 'window' },
    logLevel: 'error',
  })
  return outputFiles[0]!.text
}

import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { describe, test } from 'node:test'
import { testDirectory, testKey, withEdge } from '../testing.ts'
import { send, spooled } from './testing.ts'

/** What td-js-sdk sent out of a real browser: test/protocol/captures. */
type Request = { method: string; host: string; url: string; headers: Record<string, string>; body: string }
type Section = { section: string; requests: Request[] }

const anyKey = testDirectory({ findKey: async () => ({ kind: 'found', value: testKey }) })

for (const path of globSync('test/protocol/captures/td-js-sdk/*.json').sort()) {
  describe(`what td-js-sdk ${basename(path, '.json')} was recorded to send`, () => {
    for (const { section, requests } of JSON.parse(readFileSync(path, 'utf8')) as Section[]) {
      test(`${section}: is answered so that the page can read it, and is in the spool as sent`, () =>
        withEdge({ directory: anyKey }, async (edge) => {
          for (const { method, host, url, headers, body } of requests) {
            const answer = await send(edge.port, method, url, { headers: { ...headers, host }, body })
            assert.equal(answer.status, method === 'OPTIONS' ? 204 : 200, `${method} ${url}: ${answer.text}`)
            assertReadable(headers, answer.headers)
            const callback = new URL(url, 'http://x').searchParams.get('callback')
            if (callback !== null)
              assert.ok(answer.text.startsWith(`typeof ${callback} === 'function' && ${callback}(`))
            else if (method !== 'OPTIONS')
              assert.ok(answer.json !== undefined, '3.0.0 takes no answer but JSON')
          }
          const sent = requests.flatMap(recordsSent)
          const kept = (await spooled(edge)).map(({ kind, body }) => ({ kind, record: JSON.parse(body) }))
          assert.deepEqual(
            kept,
            sent.map((record) => ({ kind: 'events', record })),
          )
        }))
    }
  })
}

/** The rules of a browser for a call with credentials. */
function assertReadable(
  asked: Record<string, string>,
  answer: Record<string, string | string[] | undefined>,
) {
  if (asked.origin === undefined) return
  assert.equal(answer['access-control-allow-origin'], asked.origin)
  assert.equal(answer['access-control-allow-credentials'], 'true')
  const allowed = String(answer['access-control-allow-headers']).split(/\s*,\s*/)
  for (const name of asked['access-control-request-headers']?.split(',') ?? [])
    assert.ok(allowed.includes(name))
}

function recordsSent({ method, url, body }: Request): unknown[] {
  const { pathname, searchParams } = new URL(url, 'http://x')
  if (method === 'OPTIONS' || /global_id|cookie_id|segments|^\/$/.test(pathname)) return []
  const data = searchParams.get('data')
  if (data !== null) return [JSON.parse(Buffer.from(data, 'base64').toString())]
  const sent = JSON.parse(body) as { events?: unknown[] }
  return sent.events ?? [sent]
}

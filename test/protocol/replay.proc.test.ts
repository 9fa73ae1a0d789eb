import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { startServer, type TestServer } from '../support/server.ts'
import { prepare, readWalks, replay } from './replay.ts'

/** Part of the protocol a later release offers: refused for now, in words, and never with a 5xx that is retried. */
const NOT_YET = /\/v3\/(bulk_loads|export)\b|\/v3\/job\/issue\/hive\b/
/** Requests that are wrong on purpose, by what the client sent. */
const REFUSALS: Record<string, number> = {
  'GET /v3/job/show/x%2Fy': 404,
  // Under three letters: the CLI had refused to create it.
  'POST /v3/table/delete/sampledb/t1': 404,
  // Names under three letters are refused, as td-client-ruby's own fixtures have it (spec/td/client/sched_api_spec.rb).
  'POST /v3/schedule/create/s': 422,
  'POST /v3/schedule/create/s1': 422,
  'POST /v3/result/create/rr': 422,
  'POST /v3/result/delete/r1': 404,
}

let server: TestServer
let jobId: string
before(async () => {
  server = await startServer()
})
after(async () => {
  await server?.stop()
  server?.remove()
})

for (const file of ['td-cli', 'td-client-python', 'fluentd']) {
  describe(`what ${file} was recorded to send`, () => {
    before(async () => {
      jobId = await prepare(server.url, server.apiKey)
    })
    const walks = readWalks(file)
    for (const walk of walks) {
      test(walk.command, async () => {
        for (const { request, ranged, status, body } of await replay(
          server.url,
          server.apiKey,
          walk,
          jobId,
        )) {
          if (NOT_YET.test(request)) {
            assert.equal(status, 400, `${request}: ${status} ${body}`)
            assert.match(JSON.parse(body).message, /not (supported|offered) yet|exports no tables/)
          } else if (request === 'POST /v3/bulk_import/commit/s1') {
            // The recorded client did not wait for the job.
            assert.ok(status === 409 || status === 200, `${request}: ${status} ${body}`)
          } else if (isNotGzip(request, walk.requests))
            assert.equal(status === 400 || status === 200, true, `${request}: ${status} ${body}`)
          else
            assert.equal(status, REFUSALS[request] ?? (ranged ? 206 : 200), `${request}: ${status} ${body}`)
        }
      })
    }
  })
}

/** td-client-python's walk has one import whose body is no gzip: same path, another body. */
function isNotGzip(
  request: string,
  requests: { method: string; url: string; bodyBase64: string }[],
): boolean {
  return requests.some(
    ({ method, url, bodyBase64 }) =>
      `${method} ${url}` === request &&
      request.includes('/import/') &&
      Buffer.from(bodyBase64, 'base64').subarray(0, 2).toString('hex') !== '1f8b',
  )
}

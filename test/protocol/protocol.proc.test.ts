import { randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { startServer, type TestServer } from '../support/server.ts'
import { readCases, runCase } from './runner.ts'

let server: TestServer
before(async () => {
  server = await startServer()
})
after(async () => {
  await server?.stop()
  server?.remove()
})

for (const { file, cases } of readCases()) {
  // Most of their time is waiting for rows and jobs; each has a database of its own.
  describe(`protocol: ${file}`, { concurrency: 4 }, () => {
    for (const one of cases) {
      test(one.name, () =>
        runCase({ baseUrl: server.url, apiKey: server.apiKey }, one, `c${randomBytes(5).toString('hex')}`),
      )
    }
  })
}

import assert from 'node:assert/strict'
import type { FastifyInstance } from 'fastify'
import { createApp } from '../kernel/http/index.ts'
import { silentLog } from '../kernel/index.ts'
import type { FirstAccount } from './first-account.ts'
import { catalogRoutes, type Tail } from './routes.ts'
import { startAccountForTests, startTestCatalog, type TestCatalog } from './testing.ts'

type Options = { key?: string; body?: Record<string, string>; json?: unknown }
export type Answer = {
  status: number
  headers: Record<string, unknown>
  text: string
  // biome-ignore lint/suspicious/noExplicitAny: the tests say what they expect in it
  json(): any
}

/** The routes over a database of their own, called as clients do, by default with the owner's key. */
export type TestApp = {
  app: FastifyInstance
  catalog: TestCatalog
  first: FirstAccount
  call(method: 'GET' | 'POST' | 'PATCH', url: string, options?: Options): Promise<Answer>
  get(url: string, options?: Options): Promise<Answer>
  post(url: string, body?: Record<string, string>, options?: Options): Promise<Answer>
  /** As if the database were taken away, for the time of `work`. */
  whileAway(work: () => Promise<void>): Promise<void>
  stop(): Promise<void>
}

/** `addRoutes`: those of a capability above this one. */
export async function startTestApp(
  addRoutes: (app: FastifyInstance, catalog: TestCatalog) => void = () => undefined,
): Promise<TestApp> {
  const catalog = await startTestCatalog({ writeWaitSeconds: 1 })
  const { first } = await startAccountForTests(catalog)
  const app = createApp({ log: silentLog, authenticate: catalog.authenticate })
  const tail: Tail = async (table, { count }) => Buffer.from(`${table.name} ${count}`)
  catalogRoutes(app, { ...catalog.routeDeps, tail })
  addRoutes(app, catalog)
  await app.ready()

  const call: TestApp['call'] = async (method, url, { key, body, json } = {}) => {
    const headers: Record<string, string> = { authorization: `TD1 ${key ?? first.masterKey}` }
    let payload: string | undefined
    if (body !== undefined) {
      headers['content-type'] = 'application/x-www-form-urlencoded'
      payload = new URLSearchParams(body).toString()
    }
    if (json !== undefined) {
      headers['content-type'] = 'application/json'
      payload = JSON.stringify(json)
    }
    const response = await app.inject({ method, url, headers, payload })
    const { statusCode: status, body: text } = response
    return { status, headers: response.headers, text, json: () => response.json() }
  }
  return {
    app,
    catalog,
    first,
    call,
    get: (url, options) => call('GET', url, options),
    post: (url, body, options) => call('POST', url, { body, ...options }),
    async whileAway(work) {
      const { gate } = catalog.test
      await catalog.exporter.seal('test')
      gate.set({ mode: 'away', planned: true })
      try {
        await work()
      } finally {
        gate.set({ mode: 'serving' })
        await catalog.exporter.unseal()
        await catalog.exporter.catchUp({ deadlineMs: 5000 })
      }
    },
    async stop() {
      await app.close()
      await catalog.stop()
    },
  }
}

/** Short names for calls of an application that is started later. */
export function calls(app: () => TestApp): Pick<TestApp, 'call' | 'get' | 'post'> {
  return {
    call: (...args) => app().call(...args),
    get: (...args) => app().get(...args),
    post: (...args) => app().post(...args),
  }
}

/** The audit log holds a line for each action, and none of the secrets. */
export async function assertAudited(
  { catalog }: TestApp,
  { actions, secrets }: { actions: string[]; secrets: string[] },
): Promise<void> {
  const lines = await catalog.test.database.read(
    { class: 'read', deadlineMs: 5000 },
    (sql) => sql<{ action: string; line: string }>`SELECT action, audit_log::text AS line FROM audit_log`,
  )
  const seen = new Set(lines.map(({ action }) => action))
  assert.deepEqual(
    actions.filter((action) => !seen.has(action)),
    [],
  )
  for (const { line } of lines) for (const secret of secrets) assert.ok(!line.includes(secret), line)
}

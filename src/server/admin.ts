import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'

/** Tables in one answer about the import delay. */
const MOST_TABLES = 10_000

/** What the supervisor tells those who operate it; every answer is made when asked. */
export type AdminView = {
  /** Always true while the supervisor's event loop turns. */
  processes(): Promise<
    {
      name: string
      pid?: number
      state: string
      ready: boolean
      userFacing: boolean
      restarts: number
      reason?: string
    }[]
  >
  /** Prometheus text of all processes. */
  metrics(): Promise<string>
  /** What those who operate it should know although it is ready. */
  notes(): string[]
  /** The tables whose last commit waited longest, from acceptance to commit; the worst first. */
  lag(most: number): Promise<{ table: string; delaySeconds: number; committedAtMs: number }[]>
  /** Every route of the REST API, as core has them. */
  routes?(): Promise<unknown>
  /** Mints a key for the account's owner; only over the Unix socket, whose mode is the permission. */
  createKey?(kind: string, name: string): Promise<unknown>
  /** Begins a backup into a directory of this machine; only over the Unix socket. */
  startBackup?(place: string, keep: number | undefined): Promise<unknown>
  /** Begins a rolling restart (all processes, or those named); only over the Unix socket. */
  restart?(names: string[], options: { withDatabase: boolean }): unknown
  /** How far the rolling restart is, or how the last one ended. */
  restartState?(): unknown
  /** How far the backup is, or how the last one ended. */
  backupState?(): Promise<unknown>
  /** Begins to compare catalog and files; only over the Unix socket. */
  startCheck?(options: { deep: boolean; mend: boolean; forgetMissing: boolean }): Promise<unknown>
  /** How far it is, or what the last one found. */
  checkState?(): Promise<unknown>
}

/**
 * `/healthz` liveness, `/readyz` readiness of what users face (503 with the reasons; in both cases with notes on disk and database), `/processes`, `/metrics`, `/lag?limit=…` the import delay of tables; the Unix socket also takes
 * `GET /routes`, `POST /keys?kind=master&name=…`, `POST /backup?place=…&keep=…`, `GET /backup`, `POST /restart?process=…&database=true`, `GET /restart`,
 * `POST /fsck?deep=true&mend=true&forgetMissing=true` and `GET /fsck`. Listens on loopback only.
 */
export function createAdminServer(view: AdminView, { local }: { local: boolean }): Server {
  return createServer((request, response) => {
    answer(view, request, response, local).catch((error: unknown) => {
      if (response.headersSent) return void response.destroy()
      // Errors of another process arrive as text with the name of their class before it.
      const text = String((error as Error).message ?? error).replace(/^(\w*Error: )+/, '')
      sendJson(response, 500, { error: text })
    })
  })
}

async function answer(
  view: AdminView,
  request: IncomingMessage,
  response: ServerResponse,
  local: boolean,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://admin')
  const route = `${request.method} ${url.pathname}`
  if (route === 'GET /healthz') return send(response, 200, 'text/plain', 'ok\n')
  if (route === 'GET /metrics') return send(response, 200, 'text/plain; version=0.0.4', await view.metrics())
  if (route === 'GET /processes') return sendJson(response, 200, { processes: await view.processes() })
  if (route === 'GET /lag') {
    const most = Number(url.searchParams.get('limit') ?? MOST_TABLES)
    if (!Number.isSafeInteger(most) || most < 1)
      return sendJson(response, 400, { error: 'limit must be a whole number from 1' })
    return sendJson(response, 200, { tables: await view.lag(Math.min(most, MOST_TABLES)) })
  }
  if (route === 'GET /readyz') {
    const processes = await view.processes()
    const unready = processes.filter(({ ready, userFacing }) => userFacing && !ready)
    return sendJson(response, unready.length === 0 ? 200 : 503, {
      ready: unready.length === 0,
      unready,
      notes: view.notes(),
    })
  }
  if (route === 'GET /routes' && local && view.routes) return sendJson(response, 200, await view.routes())
  if (route === 'POST /keys' && local && view.createKey) {
    const kind = url.searchParams.get('kind') ?? 'master'
    return sendJson(
      response,
      200,
      await view.createKey(kind, url.searchParams.get('name') ?? 'made on this machine'),
    )
  }
  if (route === 'POST /restart' && local && view.restart) {
    const names = url.searchParams.getAll('process')
    const withDatabase = url.searchParams.get('database') === 'true'
    return sendJson(response, 200, view.restart(names, { withDatabase }))
  }
  if (route === 'GET /restart' && local && view.restartState)
    return sendJson(response, 200, view.restartState())
  if (route === 'POST /backup' && local && view.startBackup) {
    const keep = url.searchParams.get('keep')
    const place = url.searchParams.get('place') ?? ''
    return sendJson(response, 200, await view.startBackup(place, keep === null ? undefined : Number(keep)))
  }
  if (route === 'GET /backup' && local && view.backupState)
    return sendJson(response, 200, await view.backupState())
  if (route === 'POST /fsck' && local && view.startCheck) {
    const is = (name: string) => url.searchParams.get(name) === 'true'
    const options = { deep: is('deep'), mend: is('mend'), forgetMissing: is('forgetMissing') }
    return sendJson(response, 200, await view.startCheck(options))
  }
  if (route === 'GET /fsck' && local && view.checkState)
    return sendJson(response, 200, await view.checkState())
  return sendJson(response, 404, { error: `no such path: ${route}` })
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  send(response, status, 'application/json', `${JSON.stringify(body)}\n`)
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body)
}

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'

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
  /** Mints a key for the account's owner; only over the Unix socket, whose mode is the permission. */
  createKey?(kind: string, name: string): Promise<unknown>
}

/**
 * `/healthz` liveness, `/readyz` readiness of what users face (503 with the reasons), `/processes`, `/metrics`; the Unix socket also takes
 * `POST /keys?kind=master&name=…`. Listens on loopback only.
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
  if (route === 'GET /readyz') {
    const processes = await view.processes()
    const unready = processes.filter(({ ready, userFacing }) => userFacing && !ready)
    return sendJson(response, unready.length === 0 ? 200 : 503, { ready: unready.length === 0, unready })
  }
  if (route === 'POST /keys' && local && view.createKey) {
    const kind = url.searchParams.get('kind') ?? 'master'
    return sendJson(
      response,
      200,
      await view.createKey(kind, url.searchParams.get('name') ?? 'made on this machine'),
    )
  }
  return sendJson(response, 404, { error: `no such path: ${route}` })
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  send(response, status, 'application/json', `${JSON.stringify(body)}\n`)
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body)
}

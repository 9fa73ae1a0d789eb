import { type Call, path } from './call.ts'
import type { Result } from './types.ts'

/** `/v3/result/…`: where results of jobs may be written (rest-api reference §5.11). */
export function resultCalls(call: Call) {
  return {
    list: async () =>
      (await call.json<{ results: Result[] }>({ does: 'list the result targets', path: '/v3/result/list' }))
        .results,
    create: (name: string, url: string) =>
      call.write({
        does: `create the result target '${name}'`,
        path: path`/v3/result/create/${name}`,
        form: { url },
        repeat: 409,
        look: `millrace result:show ${name}`,
      }),
    delete: (name: string) =>
      call.write({
        does: `delete the result target '${name}'`,
        path: path`/v3/result/delete/${name}`,
        repeat: 404,
        look: 'millrace result:list',
      }),
  }
}

/** `/v3/system/…`. */
export function systemCalls(call: Call) {
  return {
    status: async () =>
      (
        await call.json<{ status: string }>({
          does: 'ask the server how it is',
          path: '/v3/system/server_status',
        })
      ).status,
  }
}

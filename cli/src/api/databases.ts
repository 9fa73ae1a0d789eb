import { type Call, path } from './call.ts'
import type { Database } from './types.ts'

/** `/v3/database/…` (rest-api reference §5.2). */
export function databaseCalls(call: Call) {
  return {
    async list(): Promise<Database[]> {
      const { databases } = await call.json<{ databases: Database[] }>({
        does: 'list the databases',
        path: '/v3/database/list',
      })
      return databases
    },
    show: (name: string) =>
      call.json<Database>({ does: `look up the database '${name}'`, path: path`/v3/database/show/${name}` }),
    create: (name: string) =>
      call.write({
        does: `create the database '${name}'`,
        path: path`/v3/database/create/${name}`,
        repeat: 409,
        look: `millrace db:show ${name}`,
      }),
    delete: (name: string) =>
      call.write({
        does: `delete the database '${name}'`,
        path: path`/v3/database/delete/${name}`,
        repeat: 404,
        look: `millrace db:show ${name}`,
      }),
    undelete: (name: string) =>
      call.write({
        does: `restore the database '${name}'`,
        path: path`/v3/database/undelete/${name}`,
        repeat: 'never',
        look: `millrace db:show ${name}`,
      }),
  }
}

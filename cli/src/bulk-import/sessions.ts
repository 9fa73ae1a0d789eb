import { buffer } from 'node:stream/consumers'
import { gunzipSync } from 'node:zlib'
import { type Api, path, Refused } from '../api/index.ts'
import { jsonOfPacked } from '../import/unpack.ts'

export type Session = {
  name: string
  database: string
  table: string
  status: 'uploading' | 'performing' | 'ready' | 'committing' | 'committed'
  upload_frozen: boolean
  job_id: number | string | null
  valid_records: number | null
  error_records: number | null
  valid_parts: number | null
  error_parts: number | null
}

type Repeat = 'same' | 404 | 409

/** `/v3/bulk_import/…` (rest-api reference §5.9). */
export function sessionCalls({ call }: Api) {
  /** `repeat`: what a second one is answered when the answer to the first was lost. */
  const step = (verb: string, name: string, does: string, repeat: Repeat) =>
    call.write<{ job_id?: number | string }>({
      does,
      path: `${path`/v3/bulk_import/`}${verb}/${path`${name}`}`,
      repeat,
      look: `millrace bulk_import:show ${name}`,
    })
  const show = (name: string, isPatient = false) =>
    call.json<Session>({
      does: `look up the session '${name}'`,
      path: path`/v3/bulk_import/show/${name}`,
      isPatient,
    })
  return {
    show,
    async list(): Promise<Session[]> {
      const { bulk_imports: sessions } = await call.json<{ bulk_imports: Session[] }>({
        does: 'list the bulk import sessions',
        path: '/v3/bulk_import/list',
      })
      return sessions
    },
    async parts(name: string): Promise<string[]> {
      const { parts } = await call.json<{ parts: string[] }>({
        does: `list the parts of '${name}'`,
        path: path`/v3/bulk_import/list_parts/${name}`,
        isPatient: true,
      })
      return parts
    },
    create: (name: string, database: string, table: string) =>
      call.write({
        does: `create the session '${name}'`,
        path: path`/v3/bulk_import/create/${name}/${database}/${table}`,
        repeat: 409,
        look: `millrace bulk_import:show ${name}`,
      }),
    /** Replaces a part of that name: a repeat is the same part. */
    upload: (name: string, part: string, body: Uint8Array) =>
      call.write({
        does: `upload the part '${part}'`,
        method: 'PUT',
        path: path`/v3/bulk_import/upload_part/${name}/${part}`,
        body,
        repeat: 'same',
        look: `millrace bulk_import:show ${name}`,
        isImport: true,
      }),
    deletePart: (name: string, part: string) =>
      call.write({
        does: `delete the part '${part}'`,
        path: path`/v3/bulk_import/delete_part/${name}/${part}`,
        repeat: 404,
        look: `millrace bulk_import:show ${name}`,
      }),
    freeze: (name: string) => step('freeze', name, `freeze the session '${name}'`, 409),
    unfreeze: (name: string) => step('unfreeze', name, `unfreeze the session '${name}'`, 409),
    commit: (name: string) => step('commit', name, `commit the session '${name}'`, 'same'),
    delete: (name: string) => step('delete', name, `delete the session '${name}'`, 404),
    /** The number of its job. */
    async perform(name: string): Promise<string> {
      const { body } = await step('perform', name, `perform the session '${name}'`, 409)
      // The answer was lost, and the repetition says that it performs already.
      return String(body?.job_id ?? (await show(name)).job_id)
    },
    /** Each as one JSON object. */
    async errorRecords(name: string): Promise<string[]> {
      const { body } = await call.stream({
        does: `read the error records of '${name}'`,
        path: path`/v3/bulk_import/error_records/${name}`,
      })
      const file = await buffer(body)
      const bytes = file.length === 0 ? file : gunzipSync(file)
      const records: string[] = []
      for (let at = 0; at < bytes.length; ) {
        const { json, end } = jsonOfPacked(bytes, at)
        records.push(json)
        at = end
      }
      return records
    },
  }
}

export type SessionCalls = ReturnType<typeof sessionCalls>

/** Nothing to be done: it is so already. */
export async function unlessSo(status: number, work: Promise<unknown>): Promise<boolean> {
  try {
    await work
    return true
  } catch (error) {
    if (error instanceof Refused && error.status === status) return false
    throw error
  }
}

import { createHash } from 'node:crypto'
import { type FileHandle, open, rm } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import type { Actor } from '../catalog/index.ts'
import { AppError, type Ids } from '../kernel/index.ts'
import { storageErrors } from '../storage/index.ts'
import type { BulkImportSettings } from './config.ts'
import { bulkImportErrors } from './errors.ts'
import { requireStep } from './life.ts'
import { partPath } from './paths.ts'
import { changeSession, openSession, reading, requirePartName, type SessionDeps } from './sessions.ts'
import { listParts, putPart } from './store.ts'
import type { PartFormat } from './types.ts'

export type UploadDeps = SessionDeps & {
  ids: Ids
  settings: Pick<BulkImportSettings, 'partBytes'>
  /** A directory of this process's own on the disk of the object store: parts grow there until they are whole. */
  incoming: string
}

/**
 * Stores a part: streamed to a file, then durable in the object store, then named by the session; only then it is answered. A part of
 * the same name is replaced, so that a client may repeat an upload. The session is looked at before and, locked, after.
 */
export async function uploadPart(
  deps: UploadDeps,
  actor: Actor,
  { name, part, format }: { name: string; part: string; format: PartFormat | null },
  request: IncomingMessage,
): Promise<void> {
  requirePartName(part)
  const seen = await openSession(deps, actor.principal, name)
  requireStep(seen, 'upload')
  const upload = deps.ids.hex128()
  const file = join(deps.incoming, upload)
  const path = partPath(seen.id, upload)
  let replaced: string | undefined
  try {
    const { bytes, md5 } = await receive(request, file, deps.settings.partBytes)
    await deps.objects.putFile(path, file)
    replaced = await changeSession(deps, actor, { name, step: 'upload' }, async (sql, session) => {
      // Deleted and made anew meanwhile: what was sent was meant for the other one.
      if (session.id !== seen.id) throw bulkImportErrors.bulk_import_unknown(name)
      return putPart(sql, session.id, { name: part, format, path, bytes, md5 })
    })
  } catch (error) {
    await rm(file, { force: true })
    // Of a commit that nobody knows the end of the part may be named: then the sweep decides.
    if (!(error instanceof AppError && error.code === 'write_outcome_unknown'))
      await deps.objects.remove(path)
    throw error
  }
  if (replaced !== undefined) await deps.objects.remove(replaced)
  // Held up for hours (a suspended machine), the file may have been taken for a leftover before it was named.
  if (!(await deps.objects.exists(path)) && (await isNamed(deps, seen.id, path)))
    throw bulkImportErrors.bulk_import_part_lost(part)
}

/** A later upload of the same name may have replaced it by now. */
async function isNamed(deps: UploadDeps, session: bigint, path: string): Promise<boolean> {
  const parts = await deps.database.read(reading(deps), (sql) => listParts(sql, session))
  return parts.some((part) => part.path === path)
}

/** @throws bulk_import_part_too_large (413) · bulk_import_part_damaged (400) · storage_full (503, retry) */
async function receive(
  request: IncomingMessage,
  file: string,
  mostBytes: number,
): Promise<{ bytes: number; md5: string }> {
  const claimed = request.headers['content-length']
  if (claimed !== undefined && Number(claimed) > mostBytes)
    throw bulkImportErrors.bulk_import_part_too_large(String(mostBytes))
  const hash = createHash('md5')
  let bytes = 0
  const handle = await open(file, 'wx', 0o600)
  try {
    // The connection stays: who is refused shall read why.
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > mostBytes) throw bulkImportErrors.bulk_import_part_too_large(String(mostBytes))
      hash.update(chunk)
      await writeAll(handle, chunk)
    }
  } catch (error) {
    throw meaningOf(error)
  } finally {
    await handle.close()
  }
  const digest = hash.digest()
  if (bytes === 0) throw bulkImportErrors.bulk_import_part_damaged('the body is empty')
  if (claimed !== undefined && Number(claimed) !== bytes)
    throw bulkImportErrors.bulk_import_part_damaged(`${bytes} bytes arrived, Content-Length says ${claimed}`)
  const said = request.headers['content-md5']
  if (said !== undefined && said !== digest.toString('base64') && said !== digest.toString('hex'))
    throw bulkImportErrors.bulk_import_part_damaged('its MD5 is not the one in Content-MD5')
  return { bytes, md5: digest.toString('hex') }
}

async function writeAll(handle: FileHandle, bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length; ) at += (await handle.write(bytes, at)).bytesWritten
}

function meaningOf(error: unknown): unknown {
  const { code } = error as NodeJS.ErrnoException
  if (code === 'ENOSPC' || code === 'EDQUOT') return storageErrors.storage_full('an uploaded part', error)
  if (code === 'ECONNRESET' || code === 'ABORT_ERR' || code === 'ERR_STREAM_PREMATURE_CLOSE')
    return bulkImportErrors.bulk_import_part_damaged('the connection broke off', error)
  return error
}

import { backupErrors } from './errors.ts'
import { sizeOf } from './objects.ts'
import { paths, readManifest } from './place.ts'
import { sha256OfFile } from './tables.ts'
import { readObjectList } from './take.ts'
import type { Manifest } from './types.ts'

export type Verdict = { manifest: Manifest; problems: string[] }

/**
 * Reads a backup from its first to its last byte and compares with what was written; `quick` looks at the sizes of objects
 * only. Every problem is one sentence; none means it can be restored.
 * @throws backup_not_found, backup_damaged (no readable manifest)
 */
export async function verifyBackup(
  place: string,
  {
    id,
    quick = false,
    onProgress = () => undefined,
  }: { id?: string; quick?: boolean; onProgress?: (done: number, total: number) => void },
): Promise<Verdict> {
  const manifest = await readManifest(place, id)
  const problems: string[] = []
  const check = async (what: string, file: string, sha256: string) => {
    if ((await sizeOf(file)) === undefined) problems.push(`${what} is missing`)
    else if ((await sha256OfFile(file)) !== sha256) problems.push(`${what} is not what was written`)
  }
  for (const { name, sha256 } of manifest.tables)
    await check(`table ${name}`, paths.table(place, manifest.id, name), sha256)
  for (const { name, sha256 } of manifest.files)
    await check(`file ${name}`, paths.file(place, manifest.id, name), sha256)
  await check('the list of objects', paths.objectList(place, manifest.id), manifest.objects.sha256)
  if (problems.some((one) => one.startsWith('the list'))) return { manifest, problems }

  const objects = [...(await readObjectList(place, manifest.id)).values()]
  let done = 0
  for (const { path, bytes, sha256 } of objects) {
    const file = paths.object(place, path)
    const size = await sizeOf(file)
    if (size === undefined) problems.push(`object ${path} is missing`)
    else if (size !== bytes) problems.push(`object ${path} has ${size} bytes instead of ${bytes}`)
    else if (!quick && (await sha256OfFile(file)) !== sha256)
      problems.push(`object ${path} is not what was written`)
    onProgress(++done, objects.length)
  }
  return { manifest, problems }
}

/** @throws backup_damaged naming the first problems */
export function refuseDamaged({ manifest, problems }: Verdict): Manifest {
  if (problems.length > 0)
    throw backupErrors.backup_damaged(
      `${manifest.id}: ${problems.slice(0, 3).join('; ')}${problems.length > 3 ? ` and ${problems.length - 3} more` : ''}`,
    )
  return manifest
}

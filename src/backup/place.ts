import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { backupErrors } from './errors.ts'
import type { Manifest } from './types.ts'

/**
 * A place where backups are kept: `objects/` shared by all of them (objects never change, so a later backup adds only what is
 * new), and one directory per backup.
 */
export const paths = {
  objects: (place: string) => join(place, 'objects'),
  object: (place: string, path: string) => join(place, 'objects', path),
  backup: (place: string, id: string) => join(place, id),
  manifest: (place: string, id: string) => join(place, id, 'manifest.json'),
  table: (place: string, id: string, name: string) => join(place, id, 'tables', `${name}.ndjson.gz`),
  objectList: (place: string, id: string) => join(place, id, 'objects.ndjson.gz'),
  file: (place: string, id: string, name: string) => join(place, id, 'files', name),
}

const ID = /^\d{8}T\d{6}Z$/

/** `20261122T151400Z` */
export function backupId(at: Date): string {
  return at.toISOString().replace(/[-:]|\.\d+/g, '')
}

/** The backups of a place, oldest first; directories without a manifest are broken-off ones and not listed. */
export async function listBackups(place: string): Promise<string[]> {
  const found = await directoriesOf(place)
  const whole = await Promise.all(
    found.map((id) =>
      readFile(paths.manifest(place, id)).then(
        () => true,
        (error) => {
          if (error.code === 'ENOENT') return false
          throw error
        },
      ),
    ),
  )
  return found.filter((_, i) => whole[i])
}

/** Every directory that is or was to become a backup. */
export async function directoriesOf(place: string): Promise<string[]> {
  const names = await readdir(place).catch((error) => {
    if (error.code === 'ENOENT') return []
    throw backupErrors.backup_target_unusable(`${place}: ${error.message}`, error)
  })
  return names.filter((name) => ID.test(name)).sort()
}

/** The manifest of one backup; of the newest without an id. @throws backup_not_found, backup_damaged */
export async function readManifest(place: string, id?: string): Promise<Manifest> {
  const wanted = id ?? (await listBackups(place)).at(-1)
  if (wanted === undefined) throw backupErrors.backup_not_found(`${place} holds none`)
  let text: string
  try {
    text = await readFile(paths.manifest(place, wanted), 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      throw backupErrors.backup_not_found(`${wanted} in ${place}`)
    throw error
  }
  const manifest = parse(text, wanted)
  if (manifest.format !== 1)
    throw backupErrors.restore_schema_unknown(`format ${String(manifest.format)} of ${wanted}`)
  return manifest
}

function parse(text: string, id: string): Manifest {
  try {
    return JSON.parse(text) as Manifest
  } catch (error) {
    throw backupErrors.backup_damaged(`manifest.json of ${id} is not JSON`, error)
  }
}

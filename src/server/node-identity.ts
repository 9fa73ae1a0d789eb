import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type Ids, writeFileDurablySync } from '../kernel/index.ts'
import { serverErrors } from './errors.ts'

const FORMAT = 1
/** In the data directory: its spools have a second copy. */
const TWICE = 'spools-are-twice'
/** In the second directory: the operator's word that it is a new, empty disk. */
const NEW_DISK = 'new-disk'

/**
 * Who this data directory is among all that use one main database: 12 hex digits, made with the directory. Two nodes, or a
 * node that lost its disk and began anew, must not be taken for one: they all call their first spool `ingest-0`, and a new
 * spool that inherits an old one's position would have its records passed over.
 * '' for a directory that began before there was an identity: its positions are filed under the plain names.
 * With a second disk for the spools the identity is kept there too: a spool that comes back from it goes on under its old name.
 * A second disk that was in use and shows no identity is one that is not mounted: going on would keep both copies on one disk. A new, empty
 * one is announced by a file called `new-disk` in it.
 * Only the supervisor calls it, which holds the directory's lock.
 * @throws data_directory_unusable when node.json cannot be read, and for a second directory of another node or not mounted
 */
export function nodeIdentity(dataDir: string, ids: Ids, secondDirectory?: string): string {
  const own = readIdentity(dataDir)
  const copied = secondDirectory === undefined ? undefined : readIdentity(secondDirectory)
  const node = own ?? copied ?? (hasSpools(dataDir) ? '' : ids.hex128().slice(0, 12))
  if (own !== undefined && copied !== undefined && own !== copied)
    throw serverErrors.data_directory_unusable(
      `${secondDirectory} belongs to another node: each needs a second directory of its own`,
    )
  if (secondDirectory === undefined) {
    if (own === undefined) writeIdentity(dataDir, node)
    return node
  }
  const isNew = existsSync(join(secondDirectory, NEW_DISK))
  if (copied === undefined && !isNew && existsSync(join(dataDir, TWICE)))
    throw serverErrors.data_directory_unusable(
      `${secondDirectory} was the second disk of this node and is empty now: is it mounted? If it is a new disk, say so: touch ${join(secondDirectory, NEW_DISK)}`,
    )
  if (copied === undefined) writeIdentity(secondDirectory, node)
  writeFileDurablySync(join(dataDir, TWICE), `${secondDirectory}\n`)
  if (own === undefined) writeIdentity(dataDir, node)
  rmSync(join(secondDirectory, NEW_DISK), { force: true })
  return node
}

function readIdentity(directory: string): string | undefined {
  const path = join(directory, 'node.json')
  try {
    const { format, node } = JSON.parse(readFileSync(path, 'utf8')) as { format: unknown; node: unknown }
    if (format === FORMAT && typeof node === 'string' && /^([0-9a-f]{12})?$/.test(node)) return node
    throw serverErrors.data_directory_unusable(`${path} is not of a kind this version knows`)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return undefined
  }
}

function writeIdentity(directory: string, node: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  writeFileDurablySync(join(directory, 'node.json'), `${JSON.stringify({ format: FORMAT, node })}\n`)
}

/** The name under which the catalog knows a spool of this node. */
export function catalogSpoolName(node: string, spoolName: string): string {
  return node === '' ? spoolName : `${node}-${spoolName}`
}

function hasSpools(dataDir: string): boolean {
  return readdirSync(join(dataDir, 'spool')).some((name) => /^ingest-\d+$/.test(name))
}

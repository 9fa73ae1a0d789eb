import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeFileDurablySync } from '../kernel/index.ts'
import { serverErrors } from './errors.ts'

/**
 * What this release reads and writes in a data directory, part by part. A number is raised when the release before could not read what
 * this one writes; what it can simply overlook needs no new number. The main database has its own: its migrations.
 */
const FORMATS: Record<string, number> = {
  gate: 1,
  snapshot: 1,
  spool: 1,
  jobs: 1,
  objects: 1,
  console: 1,
}

/**
 * Refuses a data directory that a newer release has written: what cannot be read looks like damage, and damage is set aside and
 * written anew. Otherwise notes this release's formats before anything is written. A directory without the note is of format 1.
 * @throws data_directory_newer, data_directory_unusable (final)
 */
export function claimFormat(dataDir: string, formats = FORMATS): void {
  const path = join(dataDir, 'format.json')
  const found = read(path)
  const newer = Object.entries(found ?? {}).filter(([part, number]) => !(number <= (formats[part] ?? 0)))
  if (newer.length > 0) {
    const list = newer.map(
      ([part, number]) => `${part} ${number} (this release knows ${formats[part] ?? 'none'})`,
    )
    throw serverErrors.data_directory_newer(`${path}: ${list.join(', ')}`)
  }
  const isNoted =
    found !== undefined && Object.entries(formats).every(([part, number]) => found[part] === number)
  if (!isNoted) writeFileDurablySync(path, `${JSON.stringify({ formats })}\n`)
}

function read(path: string): Record<string, number> | undefined {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw serverErrors.data_directory_unusable((error as Error).message, error)
  }
  try {
    const { formats } = JSON.parse(text) as { formats: Record<string, number> }
    if (Object.values(formats).every(Number.isSafeInteger)) return formats
    throw new TypeError('a format is a whole number')
  } catch (error) {
    throw serverErrors.data_directory_unusable(`${path} is not as any release writes it`, error)
  }
}

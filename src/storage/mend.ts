import { mkdir, readdir, readFile, rename, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { syncDirectory } from '../kernel/index.ts'
import { ensureDurable, syncPath, writeSynced } from './files.ts'
import { bootId, bootOf, decodeGroup, GROUPS, type Member, SUSPECT, unlessMissing } from './group-log.ts'
import { checkedPath } from './paths.ts'

/**
 * Writes again, from the logs of `putMany`, what the last power loss took: to be called at each start of the machine's
 * first process, before anybody reads. Objects that were removed meanwhile may come back; their owner's sweep takes them.
 */
export async function mendObjects(
  dataDir: string,
  { boot = bootId() } = {},
): Promise<{ groups: number; mended: number }> {
  const root = join(dataDir, 'objects')
  const logs = await logsOfEarlierBoots(join(root, GROUPS), boot)
  // The youngest log that names a path has its bytes.
  const last = new Map<string, string>()
  for (const log of logs) for (const { path } of await membersOf(log)) last.set(path, log)
  let mended = 0
  for (const log of logs) {
    const members = (await membersOf(log)).filter(({ path }) => last.get(path) === log)
    const certain = bootOf(basename(log)) !== SUSPECT
    for (const member of members) if (await mend(root, member, certain)) mended++
    await unlink(log).catch(unlessMissing)
  }
  return { groups: logs.length, mended }
}

/** Where nobody can say which boot it is, every log counts as of an earlier one. */
async function logsOfEarlierBoots(directory: string, boot: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch((error) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  const timeOf = (name: string) => name.slice(bootOf(name).length)
  return entries
    .filter((entry) => entry.isFile() && (boot === '' || bootOf(entry.name) !== boot))
    .sort((a, b) => (timeOf(a.name) < timeOf(b.name) ? -1 : 1))
    .map((entry) => join(entry.parentPath, entry.name))
}

/** None of a log that is gone: another node that shares these objects was quicker. */
async function membersOf(log: string): Promise<Member[]> {
  const bytes = await readFile(log).catch(unlessMissing)
  return (bytes && decodeGroup(bytes)) ?? []
}

/** True when the object was written. `certain`: what can be read of it is on disk, or a sync will say that it is not. */
async function mend(root: string, { path, bytes }: Member, certain: boolean): Promise<boolean> {
  const file = join(root, checkedPath(path))
  const found = certain ? await readFile(file).catch(unlessMissing) : undefined
  if (found?.equals(bytes)) {
    await syncPath(file)
    await syncDirectory(dirname(file))
    return false
  }
  await ensureDurable(dirname(file), new Set([root]), syncDirectory)
  const temporary = join(root, '.tmp', `mend-${process.pid}-${process.hrtime.bigint()}`)
  await mkdir(dirname(temporary), { recursive: true, mode: 0o700 })
  await writeSynced(temporary, bytes)
  await rename(temporary, file)
  await syncDirectory(dirname(file))
  return true
}

import { access, open, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { ensureDirectory, type Log, syncDirectory } from '../kernel/index.ts'
import { readAt } from './scan.ts'
import type { SegmentFile } from './segment.ts'
import type { SpoolDamage } from './types.ts'

type Damaged = { file: SegmentFile; acknowledgedEnd: number }

/**
 * Keeps what cannot be read: the bytes go to `quarantine/GENERATION-FROM-TO.bin` before the reader goes on behind
 * them, so that releasing the segment does not destroy the evidence. Repeating it is harmless.
 */
export function createQuarantine({
  directory,
  log,
  onDamage = () => undefined,
  keepsDamaged,
}: {
  directory: string
  log: Log
  onDamage?: ((damage: SpoolDamage) => void) | undefined
  keepsDamaged: boolean
}) {
  const known = new Set<string>()
  const report = (damage: SpoolDamage) => {
    log.error({ directory, ...damage }, 'spool damaged: acknowledged records may be lost')
    onDamage(damage)
  }
  return {
    async damaged({ file, acknowledgedEnd }: Damaged, from: number, to: number): Promise<void> {
      const name = `${file.generation}-${from}-${to}.bin`
      if (known.has(name)) return
      known.add(name)
      try {
        if (keepsDamaged) await copyRange(file.path, join(directory, 'quarantine'), { name, from, to })
      } catch (error) {
        // A full disk must not stop the reader: only its releases make room again.
        log.error({ directory, name, err: error }, 'damaged spool bytes could not be kept')
      }
      const { generation } = file
      // The last batch before a crash was never acknowledged: pieces of it missing is what a crash does.
      if (from < acknowledgedEnd) report({ generation, from, to, reason: 'unreadable' })
      else log.warn({ directory, generation, from, to }, 'unacknowledged rest of a crash skipped')
    },
    missing(generation: number): void {
      const name = `${generation} missing`
      if (known.has(name)) return
      known.add(name)
      report({ generation, from: 0, to: 0, reason: 'segment missing' })
    },
  }
}

const PORTION_BYTES = 4 * 1024 * 1024

async function copyRange(
  source: string,
  folder: string,
  { name, from, to }: { name: string; from: number; to: number },
): Promise<void> {
  await ensureDirectory(folder)
  const path = join(folder, name)
  if (await exists(path)) return
  const input = await open(source)
  const output = await open(`${path}.copying`, 'w', 0o600)
  try {
    for (let at = from; at < to; at += PORTION_BYTES) {
      await output.writeFile(await readAt(input, at, Math.min(PORTION_BYTES, to - at)))
    }
    await output.sync()
  } finally {
    await output.close()
    await input.close()
  }
  await rename(`${path}.copying`, path)
  await syncDirectory(folder)
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}

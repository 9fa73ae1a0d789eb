import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeFileDurably } from '../../kernel/index.ts'

/** 32 bytes of that name, made at the first use. They stay in the data directory, so that what they sign outlives restarts. */
export async function secretIn(dataDir: string, name: string): Promise<Buffer> {
  const path = join(dataDir, name)
  if (existsSync(path)) return Buffer.from(readFileSync(path, 'utf8').trim(), 'hex')
  const key = randomBytes(32)
  await writeFileDurably(path, `${key.toString('hex')}\n`)
  return key
}

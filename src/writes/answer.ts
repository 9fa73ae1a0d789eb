import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { encode } from '@msgpack/msgpack'
import type { StoredResult } from '../jobs/index.ts'
import { resultPath, type ScriptRun } from '../query/index.ts'
import type { WriteDeps } from './types.ts'

/**
 * Stores what a statement that changes something answers: as Trino, the number of rows, or `true` where there are none to count.
 */
export async function storeAnswer(
  { objects }: Pick<WriteDeps, 'objects'>,
  { job }: ScriptRun,
  rows: number | undefined,
): Promise<StoredResult> {
  const path = resultPath(job)
  const bytes = await promisify(gzip)(encode([rows ?? true]), { level: 1 })
  // A leftover of this very attempt was never committed: the attempt would not run again otherwise.
  await objects.remove(path)
  await objects.put(path, bytes)
  const schema: StoredResult['schema'] = [rows === undefined ? ['result', 'boolean'] : ['rows', 'bigint']]
  return { path, rows: 1n, bytes: BigInt(bytes.length), schema }
}

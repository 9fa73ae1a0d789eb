import { open } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { gunzipSync } from 'node:zlib'
import { systemClock } from '../../src/kernel/index.ts'
import { pendingRecords, type SpooledRecord } from '../../src/spool/index.ts'
import { listSegments } from '../../src/spool/segment.ts'
import { keysIn } from './ledger.ts'

const WAIT_MS = 3_000
/** Of the header before the body. */
const LEAST_FRAME_BYTES = 32

/**
 * Turns some bits of one accepted request that is not loaded yet; its loader must stand still. Returns the keys of the events that lay
 * in it: whether the loader had read them before is not known. Undefined when nothing came in time.
 */
export async function damageOneRecord(spool: string, random: () => number): Promise<string[] | undefined> {
  const untilMs = performance.now() + WAIT_MS
  for (;;) {
    const pending: SpooledRecord[] = []
    for await (const record of pendingRecords(spool, { clock: systemClock })) pending.push(record)
    if (pending.length >= 4) return damage(spool, pending[Math.floor(random() * pending.length)]!, random)
    if (performance.now() > untilMs) return undefined
    await pause(100)
  }
}

async function damage(
  spool: string,
  { position, record }: SpooledRecord,
  random: () => number,
): Promise<string[]> {
  const segment = (await listSegments(spool)).find(({ generation }) => generation === position.generation)
  if (segment === undefined) return []
  const handle = await open(segment.path, 'r+')
  try {
    const bytes = Buffer.alloc(1)
    for (let n = 0; n < 3; n++) {
      const at = position.offset + Math.floor(random() * (LEAST_FRAME_BYTES + record.body.length))
      await handle.read(bytes, 0, 1, at)
      bytes[0]! ^= 0x55
      await handle.write(bytes, 0, 1, at)
    }
  } finally {
    await handle.close()
  }
  const { body } = record
  const isPacked = body[0] === 0x1f && body[1] === 0x8b
  return keysIn((isPacked ? gunzipSync(body) : body).toString('latin1'))
}

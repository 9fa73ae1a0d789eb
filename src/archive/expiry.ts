import { AppError } from '../kernel/index.ts'
import { archiveErrors } from './errors.ts'
import { type ExpiringTable, findExpiring, holdExpiry, retireOlder } from './expiry-store.ts'
import { BACKGROUND, type MergeDeps, rewriteClaimed } from './merge.ts'
import { startOf } from './spans.ts'
import { databaseNow, findLiveChunks, isHeld, shareTable } from './store.ts'
import type { SourceChunk } from './types.ts'

const DAY_SECONDS = 86_400n
const PORTION = 1_000
/** Claims of this kind stand beside those of merges; what they take is still checked chunk by chunk. */
const CUT_LEVEL = 8

/** Rows older than `expire_days` at this instant; never before the beginning of time. */
export function expiryOf({ expireDays }: Pick<ExpiringTable, 'expireDays'>, nowSeconds: bigint): bigint {
  return nowSeconds - BigInt(expireDays) * DAY_SECONDS
}

/**
 * Lets rows past `expire_days` vanish: chunks that are older as a whole are retired at once, those that straddle are cut once a
 * day, at the beginning of the day. Returns how many chunks were retired or cut. Putting expire_days back brings nothing back.
 * @throws database_away (503, retry)
 */
export async function expireRows(deps: MergeDeps, signal: AbortSignal): Promise<number> {
  const { database, log } = deps
  const now = await database.read(BACKGROUND, databaseNow)
  const nowSeconds = BigInt(Math.floor(now.getTime() / 1000))
  let changed = 0
  for (const table of await database.read(BACKGROUND, findExpiring)) {
    if (signal.aborted) break
    const before = expiryOf(table, nowSeconds)
    const retired = await retireWhole(deps, table, before, signal)
    const cut = await cutStraddling(deps, table, startOf(1, before), signal)
    if (retired + cut > 0)
      log.info(
        { table: String(table.id), before: String(before), retired, cut },
        'rows past expire_days removed',
      )
    changed += retired + cut
  }
  return changed
}

async function retireWhole(
  { database }: MergeDeps,
  table: ExpiringTable,
  before: bigint,
  signal: AbortSignal,
): Promise<number> {
  for (let total = 0; ; ) {
    const retired = await database.write(BACKGROUND, async (sql) => {
      // Set back a moment ago: what nobody asked for any more must stay.
      if ((await holdExpiry(sql, table.id)) !== table.expireDays) return 0
      if (await isHeld(sql, table.id, { from: null, to: before })) return 0
      return retireOlder(sql, table.id, before, PORTION)
    })
    total += retired
    if (retired < PORTION || signal.aborted) return total
  }
}

async function cutStraddling(
  deps: MergeDeps,
  { id, expireDays }: ExpiringTable,
  before: bigint,
  signal: AbortSignal,
): Promise<number> {
  const found = await deps.database.read(BACKGROUND, (sql) =>
    findLiveChunks(sql, id, { from: before - 1n, to: before + 1n }, PORTION),
  )
  const straddling = found.filter(({ timeMin, timeMax }) => timeMin < before && timeMax >= before)
  let cut = 0
  for (const source of straddling)
    if (await cutOne(deps, { id, expireDays }, { source, before }, signal)) cut++
  return cut
}

async function cutOne(
  deps: MergeDeps,
  { id, expireDays }: ExpiringTable,
  { source, before }: { source: SourceChunk; before: bigint },
  signal: AbortSignal,
): Promise<boolean> {
  try {
    return await rewriteClaimed(
      deps,
      { tableId: id, level: CUT_LEVEL, start: source.id },
      {
        sources: [source],
        without: () => `"time" < ${before}`,
        async check(sql) {
          await shareTable(sql, id)
          if ((await holdExpiry(sql, id)) !== expireDays)
            throw archiveErrors.merge_abandoned('expire_days was changed')
        },
      },
      signal,
    )
  } catch (error) {
    if (error instanceof AppError && error.code === 'merge_abandoned') return false
    throw error
  }
}

import type { Database } from '../database/index.ts'
import type { Admission } from '../gate/index.ts'
import { type AuditEntry, findAuditEntries, sweepAuditLog, type WantedAudit } from './audit-store.ts'

const LARGEST_ID = 2n ** 63n - 1n
const PAGE = 1000
const SWEPT_AT_ONCE = 1000

/** All that is wanted, the latest first, in pages: for the system table. @throws database_away (503, retry) */
export async function* auditEntries(
  database: Database,
  admission: Admission,
  wanted: Omit<WantedAudit, 'below' | 'limit'>,
): AsyncIterable<AuditEntry[]> {
  for (let below: bigint | undefined = LARGEST_ID; below !== undefined; ) {
    const last: bigint = below
    const page: AuditEntry[] = await database.read(admission, (sql) =>
      findAuditEntries(sql, { ...wanted, below: last, limit: PAGE }),
    )
    yield page
    below = page.length < PAGE ? undefined : page.at(-1)!.id
  }
}

/** Removes lines past their time, in small transactions. */
export async function removeOldAudit(
  database: Database,
  { auditDays }: { auditDays: number },
): Promise<number> {
  const admission = { class: 'background', deadlineMs: 60_000 } as const
  for (let total = 0; ; ) {
    const removed = await database.write(admission, (sql) =>
      sweepAuditLog(sql, { olderThanDays: auditDays, limit: SWEPT_AT_ONCE }),
    )
    total += removed
    if (removed < SWEPT_AT_ONCE) return total
  }
}

import type { Principal } from '../kernel/http/index.ts'
import type { Sql } from '../kernel/index.ts'

/** Who changes something, and from where. */
export type Actor = { principal: Principal; address?: string }
export type AuditLine = { action: string; target: string; details?: Record<string, unknown> }

/** One row per change, in the transaction of the change. Never a secret in `details`. */
export async function audit(
  sql: Sql,
  { principal, address }: { principal: Pick<Principal, 'accountId' | 'userId'>; address?: string },
  line: AuditLine,
): Promise<void> {
  const details = line.details === undefined ? null : JSON.stringify(line.details)
  await sql`
    INSERT INTO audit_log (account_id, user_id, action, target, details, address)
    VALUES (${principal.accountId}, ${principal.userId}, ${line.action}, ${line.target}, ${details}::jsonb,
            ${address ?? null})`
}

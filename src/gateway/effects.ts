import type { Family } from './client-session.ts'

/** What a statement changes of the client's session. The client keeps it, and sends it with every further statement. */
export type Effect =
  | { kind: 'set-property'; name: string; value: string }
  | { kind: 'reset-property'; name: string }
  | { kind: 'use'; catalog: string | undefined; schema: string }
  | { kind: 'time-zone'; zone: string }
  | { kind: 'prepare'; name: string; text: string }
  | { kind: 'deallocate'; name: string }
  | { kind: 'set-path'; path: string }
  | { kind: 'set-role'; role: string }
  | { kind: 'start-transaction' }
  | { kind: 'end-transaction' }
  | { kind: 'none' }

const encoded = encodeURIComponent

/** The headers that tell the client (trinodb/trino ProtocolHeaders.java). `transactionId` is used by START TRANSACTION only. */
export function effectHeaders(effect: Effect, family: Family, transactionId: string): Record<string, string> {
  const header = (name: string, value: string) => ({ [`X-${family}-${name}`]: value })
  switch (effect.kind) {
    case 'set-property':
      return header('Set-Session', `${effect.name}=${encoded(effect.value)}`)
    case 'reset-property':
      return header('Clear-Session', effect.name)
    case 'use':
      return {
        ...(effect.catalog === undefined ? {} : header('Set-Catalog', effect.catalog)),
        ...header('Set-Schema', effect.schema),
      }
    case 'time-zone':
      return header('Set-Session', `time_zone_id=${encoded(effect.zone)}`)
    case 'prepare':
      return header('Added-Prepare', `${encoded(effect.name)}=${encoded(effect.text)}`)
    case 'deallocate':
      return header('Deallocated-Prepare', encoded(effect.name))
    case 'set-path':
      return header('Set-Path', effect.path)
    case 'set-role':
      return header('Set-Role', `system=${encoded(effect.role)}`)
    case 'start-transaction':
      return header('Started-Transaction-Id', transactionId)
    case 'end-transaction':
      return header('Clear-Transaction-Id', 'true')
    case 'none':
      return {}
  }
}

/**
 * True when a snapshot (the text of `pg_current_snapshot()`: `xmin:xmax:running,…`) was taken after the transaction
 * had ended. So a transaction that is contained and whose changes are not there was rolled back.
 */
export function containsTransaction(snapshot: string, xid: string): boolean {
  const [xmin, xmax, running = ''] = snapshot.split(':')
  const id = BigInt(xid)
  if (id < BigInt(xmin!)) return true
  return id < BigInt(xmax!) && !running.split(',').includes(xid)
}

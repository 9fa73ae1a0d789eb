import type { Sql } from '../kernel/index.ts'
import type { Change, Row, SnapshotWriter, TableSum } from '../snapshot/index.ts'
import { countChunks, readChunks } from './changes-store.ts'

type Ask = <T>(run: (sql: Sql) => Promise<T>) => Promise<T>
type Sums = Record<string, TableSum>
const CHUNKS_PER_READING = 5000

/**
 * Puts the chunk changes of one reading into the manifests, each table in one line, and returns the new sums.
 * `dropped`: tables whose manifests are to be removed once the reading is in the log.
 */
export async function applyChunkChanges({
  changes,
  writer,
  ask,
}: {
  changes: Change[]
  writer: SnapshotWriter
  ask: Ask
}): Promise<{ sums: Sums; dropped: string[] }> {
  const tables = changes.filter(({ kind }) => kind === 'tables')
  // The last word counts: one that was deleted and restored since the last reading is there.
  const last = new Map(tables.map(({ body }) => [String(body.id), body]))
  const dropped = [...last].filter(([, body]) => body.removed_at != null).map(([id]) => id)
  const isAbsent = (id: string) => writer.findTableById(BigInt(id)).kind === 'absent'
  // Created elsewhere, or restored: changes of its chunks were left out while it was not there.
  const appeared = [...last.keys()].filter((id) => isAbsent(id) && !dropped.includes(id))
  const n = writer.position + 1
  const sums = await exportSome(appeared, { n, writer, ask })
  for (const [tableId, { put, drop }] of netChanges(changes)) {
    if (tableId in sums || isAbsent(tableId) || dropped.includes(tableId)) continue
    const before = writer.sums.get(tableId)
    sums[tableId] = (await writer.manifests.reaches(tableId, before?.n ?? 0))
      ? await writer.manifests.apply(tableId, { n, put, drop }, before)
      : await writer.manifests.replace(tableId, n, await ask((sql) => readChunks(sql, [tableId])))
  }
  return { sums, dropped }
}

/** Manifests of tables that the snapshot does not know, as the database has them now; none for those without chunks. */
async function exportSome(
  tableIds: string[],
  { n, writer, ask }: { n: number; writer: SnapshotWriter; ask: Ask },
): Promise<Sums> {
  if (tableIds.length === 0) return {}
  const rows = Map.groupBy(await ask((sql) => readChunks(sql, tableIds)), (row) => String(row.table_id))
  const sums: Sums = {}
  for (const tableId of tableIds) {
    const chunks = rows.get(tableId)
    if (chunks !== undefined) sums[tableId] = await writer.manifests.replace(tableId, n, chunks)
    else await writer.manifests.remove(tableId)
  }
  return sums
}

/** What remains of each table's changes when the last word on every chunk counts. */
function netChanges(changes: Change[]): Map<string, { put: Row[]; drop: number[] }> {
  const last = new Map<number, Change>()
  for (const change of changes) if (change.kind === 'chunks') last.set(Number(change.body.id), change)
  const tables = new Map<string, { put: Row[]; drop: number[] }>()
  for (const [id, { op, body }] of last) {
    const table = tables.get(String(body.table_id)) ?? { put: [], drop: [] }
    tables.set(String(body.table_id), table)
    if (op === 'put' && body.retired_at == null) table.put.push(body)
    else table.drop.push(id)
  }
  return tables
}

/** Brings all manifests to what the database has; those that name the same chunks are left as they are. */
export async function exportManifests({
  ask,
  manifests,
  n,
}: {
  ask: Ask
  manifests: SnapshotWriter['manifests']
  n: number
}): Promise<Sums> {
  const sums: Sums = {}
  const counted = await ask(countChunks)
  for (const group of groups(counted)) {
    const rows = await ask((sql) => readChunks(sql, group))
    const byTable = Map.groupBy(rows, (row) => String(row.table_id))
    for (const tableId of group)
      sums[tableId] = await manifests.reconcile(tableId, n, byTable.get(tableId) ?? [])
  }
  return sums
}

/** Tables together until their chunks fill one reading. */
function groups(counted: { tableId: string; chunks: number }[]): string[][] {
  const all: string[][] = []
  let room = 0
  for (const { tableId, chunks } of counted) {
    if (chunks > room) {
      all.push([])
      room = CHUNKS_PER_READING
    }
    all.at(-1)!.push(tableId)
    room -= chunks
  }
  return all
}

/**
 * A step of the check after a start: a manifest that lost its end to a power failure is read again from the
 * database. Takes tables from the end of `unchecked`.
 */
export async function verifyManifests(
  unchecked: string[],
  { writer, ask, most = 50 }: { writer: SnapshotWriter; ask: Ask; most?: number },
): Promise<void> {
  for (let checked = 0; checked < most && unchecked.length > 0; checked++) {
    const tableId = unchecked.at(-1)!
    const sum = writer.sums.get(tableId)
    if (sum !== undefined && !(await writer.manifests.reaches(tableId, sum.n))) {
      const n = writer.position + 1
      const rows = await ask((sql) => readChunks(sql, [tableId]))
      const repaired = await writer.manifests.replace(tableId, n, rows)
      writer.append({ t: 'batch', changes: [], sums: { [tableId]: repaired } })
    }
    unchecked.pop()
  }
}

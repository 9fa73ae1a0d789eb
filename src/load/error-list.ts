import type { Database } from '../database/index.ts'
import type { Admission } from '../gate/index.ts'
import {
  type ErrorHead,
  findErrorBodies,
  findErrorHeads,
  findErrorRecords,
  type StoredErrorRecord,
  type WantedErrors,
  type WantedHeads,
} from './error-list-store.ts'

/** Bodies of one page; the first is given whatever its size. */
const MOST_PAGE_BYTES = 16 << 20

export type ListedError = StoredErrorRecord & { body: Buffer | null }
export type ErrorPage = {
  errors: ListedError[]
  /** Where the next page begins; undefined when this is the last. */
  next: bigint | undefined
}

/**
 * What was accepted but could not be stored, newest first, for 30 days: of one table or of the whole account. Who may see
 * it is for the caller to know. @throws database_away (503, retry)
 */
export async function listErrorRecords(
  database: Database,
  admission: Admission,
  wanted: WantedErrors,
): Promise<ErrorPage> {
  return database.read(admission, async (sql) => {
    const found = await findErrorRecords(sql, { ...wanted, limit: wanted.limit + 1 })
    const page = fitting(found.slice(0, wanted.limit))
    const bodies = await findErrorBodies(
      sql,
      page.map(({ id }) => id),
    )
    const bodyOf = new Map(bodies.map(({ id, body }) => [id, body]))
    return {
      errors: page.map((error) => ({ ...error, body: bodyOf.get(error.id) ?? null })),
      next: found[page.length]?.id,
    }
  })
}

const LARGEST_ID = 2n ** 63n - 1n

/**
 * All that is wanted, newest first and without bodies, in pages: for the system table. Who may see it is for the caller to
 * know. @throws database_away (503, retry)
 */
export async function* errorHeads(
  database: Database,
  admission: Admission,
  wanted: WantedHeads,
  pageRows = 10_000,
): AsyncIterable<ErrorHead[]> {
  for (let below: bigint | undefined = LARGEST_ID; below !== undefined; ) {
    const last: bigint = below
    const page: ErrorHead[] = await database.read(admission, (sql) =>
      findErrorHeads(sql, { ...wanted, below: last, limit: pageRows }),
    )
    yield page
    below = page.length < pageRows ? undefined : page.at(-1)!.id
  }
}

function fitting(errors: StoredErrorRecord[]): StoredErrorRecord[] {
  let bytes = 0
  const end = errors.findIndex((error, i) => {
    bytes += error.bytes ?? 0
    return i > 0 && bytes > MOST_PAGE_BYTES
  })
  return end < 0 ? errors : errors.slice(0, end)
}

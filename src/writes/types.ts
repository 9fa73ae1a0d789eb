import type { NewChunk } from '../archive/index.ts'
import type { Announcements } from '../catalog/index.ts'
import type { Database } from '../database/index.ts'
import type { Clock } from '../kernel/index.ts'
import type { StoredView, UsedRight } from '../query/index.ts'
import type { ObjectStore } from '../storage/index.ts'

/** One change of the catalog, as it is carried out with the job's end. Ids as text: the list survives JSON. */
export type CatalogStep =
  | { do: 'create-table'; id: string; at: TableAt; description?: string; columns: StepColumn[] }
  | { do: 'drop-table'; id: string; at: TableAt }
  | { do: 'rename-table'; id: string; at: TableAt; to: TableAt }
  | { do: 'add-column'; id: string; at: TableAt; column: StepColumn & { key: string } }
  | { do: 'drop-column'; id: string; at: TableAt; key: string }
  | { do: 'rename-column'; id: string; at: TableAt; key: string; type: string; to: string }
  /** Of the column with that key, or of the table; null takes it away. */
  | { do: 'comment'; id: string; at: TableAt; key: string | null; text: string | null }
  | { do: 'create-view'; at: TableAt; orReplace: boolean; view: StoredView }
  | { do: 'rename-view'; at: TableAt; to: TableAt }
  | { do: 'drop-view'; at: TableAt }
  | { do: 'create-schema'; id: string; database: string }
  /** Without `cascade` it must be empty by then: a table that came meanwhile stays. */
  | { do: 'drop-schema'; database: string; cascade: boolean }
type StepColumn = { name: string; type: string; description?: string }
export type TableAt = { database: string; name: string }

/** What becomes of one table's chunks. */
export type ChunkStep = { tableId: string; at: TableAt; retire: string[]; add: NewChunk[] }

/** Everything a script changes: stored as one object, and carried out in the transaction of the job's end. */
export type ChangeList = {
  accountId: string
  userId: string
  /** What it was planned with, and is asked for once more. */
  rights: UsedRight[]
  steps: CatalogStep[]
  chunks: ChunkStep[]
  /** How many locks the job holds: without all of them it changes nothing. */
  locks: number
}

/** The steps between which a writing job may die; the crash tests stop at each. */
export const WRITE_STEPS = ['locked', 'written', 'stored', 'listed', 'denied', 'in-transaction'] as const
export type WriteStep = (typeof WRITE_STEPS)[number]
export type FaultPoint = (step: WriteStep) => void | Promise<void>

export type WriteDeps = {
  database: Database
  objects: ObjectStore
  announcements: Announcements
  /** A directory of this process's own: files grow there until they are whole. */
  drafts: string
  /** As merging would lay rows out. */
  layout: { leastRows: number; chunkBytes: number; mostRows?: number }
  /** False while nothing may be written, for want of disk. */
  hasRoom(): boolean
  clock: Clock
  /** Tests die here. */
  faultPoint: FaultPoint
}

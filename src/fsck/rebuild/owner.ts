import { ownerOfPath } from '../../archive/index.ts'
import { ownerOfBulkImportFile } from '../../bulk-import/index.ts'

/** Who wrote the file of that name, as its footer calls it; undefined where the name says too little. */
export function ownerInFooters(path: string): string | undefined {
  const owner = ownerOfPath(path)
  if (owner?.kind === 'merge') return `merge:${owner.attempt}`
  if (owner?.kind === 'job') return `job:${owner.id}:${owner.attempt}`
  const bulk = ownerOfBulkImportFile(path)
  return bulk?.job == null ? undefined : `job:${bulk.job}:${bulk.attempt}`
}

import { instantOf } from '../jobs/index.ts'
import { httpErrors, type Parameters, textOf } from '../kernel/http/index.ts'
import { exportErrors } from './errors.ts'

/** What clients may ask for; `line-json.gz` is the older name of `jsonl.gz` (treasure-data/td lib/td/command/table.rb `table_export`). */
export const EXPORT_FORMATS = ['jsonl.gz', 'line-json.gz', 'json.gz', 'tsv.gz'] as const
export type ExportFormat = (typeof EXPORT_FORMATS)[number]

/** Where and what: the query of a job of type export, as JSON. Credentials are not kept. */
export type ExportRequest = {
  table: string
  format: ExportFormat
  bucket: string
  prefix: string
  /** Unix seconds, half-open; null = open. */
  from: number | null
  to: number | null
}

const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/
const PREFIX_PART = /^[\w !\-.*'()]*$/
const MOST_PREFIX_CHARACTERS = 512

/**
 * Reads `export/run/:db/:table` (treasure-data/td-client-ruby lib/td/client/api/export.rb, td-client-java model/TDExportJobRequest).
 * @throws export_only_s3, export_format_unknown, export_encryption_not_offered, bad_request (400) · export_place_invalid (422)
 */
export function exportRequestOf(parameters: Parameters, table: string): ExportRequest {
  const storage = textOf(parameters, 'storage_type') ?? ''
  if (storage.toLowerCase() !== 's3') throw exportErrors.export_only_s3(storage)
  if (textOf(parameters, 'encryption') !== undefined) throw exportErrors.export_encryption_not_offered()
  const [from, to] = [secondsOf(parameters, 'from'), secondsOf(parameters, 'to')]
  if (from !== null && to !== null && from >= to)
    throw httpErrors.bad_request(`parameter from must be before to, not ${from} and ${to}`)
  return { table, format: formatOf(parameters), ...placeOf(parameters), from, to }
}

function formatOf(parameters: Parameters): ExportFormat {
  const text = textOf(parameters, 'file_format') ?? 'json.gz'
  const format = EXPORT_FORMATS.find((known) => known === text)
  if (format === undefined) throw exportErrors.export_format_unknown(text)
  return format
}

/** The names become those of files: nothing in them may lead elsewhere. */
function placeOf(parameters: Parameters): { bucket: string; prefix: string } {
  const bucket = textOf(parameters, 'bucket') ?? ''
  if (!BUCKET.test(bucket))
    throw exportErrors.export_place_invalid(`Bucket '${bucket}' is not the name of one`)
  const prefix = (textOf(parameters, 'file_prefix') ?? '').replace(/^\/+/, '')
  const isPlain = (part: string) => PREFIX_PART.test(part) && !part.startsWith('.') && part.length <= 100
  const folders = prefix.split('/').slice(0, -1)
  if (
    prefix.length > MOST_PREFIX_CHARACTERS ||
    !prefix.split('/').every(isPlain) ||
    folders.some((folder) => folder === '')
  )
    throw exportErrors.export_place_invalid(`File prefix '${prefix}' cannot be part of a path`)
  return { bucket, prefix }
}

const secondsOf = (parameters: Parameters, name: 'from' | 'to') => {
  const instant = instantOf(parameters, name)
  return instant === undefined ? null : Math.floor(instant.getTime() / 1000)
}

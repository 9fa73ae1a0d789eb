import { jsonpFromPage, postback, postFromPage } from './browsers.ts'
import { ingestSingle, postFromDevice, postFromOldDevice } from './devices.ts'
import { importAtBoth, importSpoiled, importWithId, importWithoutId } from './imports.ts'
import type { Writer, WriterContext } from './send.ts'
import { bulkImport } from './sessions.ts'

/** Every protocol by which events come in. */
export const WRITERS: Record<string, (context: WriterContext) => Writer> = {
  importWithId,
  importAtBoth,
  importWithoutId,
  importSpoiled,
  postFromPage,
  jsonpFromPage,
  postback,
  ingestSingle,
  postFromDevice,
  postFromOldDevice,
  bulkImport,
}

/** The tables they write into. */
export const TABLES = [
  'import_with_id',
  'import_at_both',
  'import_plain',
  'import_spoiled',
  'js_post',
  'js_jsonp',
  'postbacks',
  'ingest_single',
  'mobile',
  'device_one',
  'device_two',
  'bulk',
]

export { type IssuedJob, issueJobs } from './jobs.ts'
export type { Writer, WriterContext } from './send.ts'

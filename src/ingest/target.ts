import { httpErrors } from '../kernel/http/errors.ts'
import type { SnapshotKey } from '../snapshot/index.ts'
import { ingestErrors } from './errors.ts'
import { readKey } from './key.ts'
import type { Directory, ImportTarget } from './types.ts'

const MOST_REMEMBERED = 10_000
const NAME = /^[a-z0-9_]{3,255}$/

export type TargetFinder = (
  authorization: string | undefined,
  database: string,
  table: string,
) => ImportTarget | Promise<ImportTarget>

/**
 * Who sends, whether they may, and where to: in that order. Answers without waiting, and without hashing the key again, for
 * what was found before in the same version of the directory; a refusal is never remembered.
 */
export function createTargetFinder(directory: Directory): TargetFinder {
  /** By key as sent, database, table: three look-ups with short texts are cheaper than one with a text made of them. */
  const remembered = new Map<string | undefined, Map<string, Map<string, ImportTarget>>>()
  let count = 0
  let version = Number.NaN
  const remember = (authorization: string | undefined, target: ImportTarget) => {
    const { database, table } = target
    const databases = remembered.get(authorization) ?? new Map<string, Map<string, ImportTarget>>()
    const tables = databases.get(database) ?? new Map<string, ImportTarget>()
    remembered.set(authorization, databases.set(database, tables.set(table, target)))
    count++
  }
  return (authorization, database, table) => {
    const current = directory.version()
    if (current !== version || count > MOST_REMEMBERED) {
      remembered.clear()
      count = 0
    }
    version = current
    const known = remembered.get(authorization)?.get(database)?.get(table)
    if (known !== undefined) return known
    return findTarget(directory, authorization, database, table).then((target) => {
      if (version === current && directory.version() === current) remember(authorization, target)
      return target
    })
  }
}

/** @throws failed_to_login (401), not_authorized (403), database_unknown, table_unknown (404), directory_away (503, retry) */
async function findTarget(
  directory: Directory,
  authorization: string | undefined,
  database: string,
  table: string,
): Promise<ImportTarget> {
  const key = await findKey(directory, authorization)
  const { accountId } = key
  // No database can have such a name: certain without asking.
  if (!NAME.test(database)) throw ingestErrors.database_unknown(database)
  const inDatabase = await directory.findDatabase(accountId, database)
  if (inDatabase.kind === 'absent') throw ingestErrors.database_unknown(database)
  if (inDatabase.kind === 'unknown') throw away(`database '${database}'`, inDatabase.reason)

  const may = await directory.mayImport(key, inDatabase.value)
  if (may.kind === 'unknown') throw away(`permission on database '${database}'`, may.reason)
  if (may.kind === 'absent' || !may.value)
    throw httpErrors.not_authorized(`to import into database '${database}'`)

  if (!NAME.test(table)) throw ingestErrors.table_unknown(`${database}.${table}`)
  const into = await directory.findTable(accountId, database, table)
  if (into.kind === 'absent') throw ingestErrors.table_unknown(`${database}.${table}`)
  if (into.kind === 'unknown') throw away(`table '${database}.${table}'`, into.reason)
  return { accountId, keyId: key.id, database, table, tableId: into.value.id }
}

async function findKey(directory: Directory, authorization: string | undefined): Promise<SnapshotKey> {
  const sent = readKey(authorization)
  if (sent === undefined) throw httpErrors.failed_to_login()
  const found = await directory.findKey(sent.sha256)
  if (found.kind === 'unknown') throw away('the API key', found.reason)
  if (found.kind === 'absent') throw httpErrors.failed_to_login()
  const { accountId } = found.value
  if (sent.accountId !== undefined && sent.accountId !== accountId) throw httpErrors.failed_to_login()
  return found.value
}

function away(what: string, reason: string) {
  return ingestErrors.directory_away(what, new Error(reason))
}

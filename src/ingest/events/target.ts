import { httpErrors } from '../../kernel/http/errors.ts'
import type { AppError } from '../../kernel/index.ts'
import type { SnapshotKey } from '../../snapshot/index.ts'
import { ingestErrors } from '../errors.ts'
import { readKey, type SentKey } from '../key.ts'
import type { Directory } from '../types.ts'

/** Where events go. `keyId` 0: key or permission could not be checked, the loader does it; `tableId` 0: so is the table. */
export type EventTarget = {
  accountId: bigint
  keyId: bigint
  database: string
  table: string
  tableId: bigint
  /** What the loader must know to check later. */
  facts: Record<string, string>
}

/** How a protocol says no to a key. */
export type KeyRules = {
  missing(): AppError
  /** Looked up and not there; undefined: accepted all the same, as postback promises, and refused by the loader. */
  absent: (() => AppError) | undefined
  /** Accepted and left to the loader instead of refused: one table must not keep the others of a device waiting. */
  acceptsForbidden?: boolean
}

export const WRITE_KEY_RULES: KeyRules = {
  missing: () => ingestErrors.write_key_missing(),
  absent: () => ingestErrors.write_key_refused(),
}
export const RECORDS_RULES: KeyRules = {
  missing: () => httpErrors.failed_to_login(),
  absent: () => httpErrors.failed_to_login(),
}
export const POSTBACK_RULES: KeyRules = { ...WRITE_KEY_RULES, absent: undefined }
export const DEVICES_RULES: KeyRules = { ...WRITE_KEY_RULES, acceptsForbidden: true }

export type EventTargetFinder = (
  key: string | undefined,
  database: string,
  table: string,
  rules: KeyRules,
) => EventTarget | Promise<EventTarget>

const NO_FACTS = {}
const MOST_REMEMBERED = 10_000
/** What could not be checked is asked again after this long: with every request it would wait for core anew. */
const UNCHECKED_MS = 1000

/**
 * Who sends, whether they may, and where to. Differs from the import's: a certain no to the key or the permission is a refusal, but
 * everything that is unknown is accepted and checked by the loader, because browsers and webhooks do not send again
 * (docs/adr/0007). A table or database that is not there is left to the loader too, which makes the table or keeps the
 * events as error records.
 */
export function createEventTargetFinder(
  directory: Directory,
  clock: { monotonicMs(): number },
): EventTargetFinder {
  const remembered = new Map<string, { target: EventTarget; untilMs: number }>()
  let version = Number.NaN
  return (key, database, table, rules) => {
    const current = directory.version()
    if (current !== version || remembered.size > MOST_REMEMBERED) remembered.clear()
    version = current
    const name = `${key}\n${database}\n${table}`
    const known = remembered.get(name)
    if (known !== undefined && clock.monotonicMs() < known.untilMs) return known.target
    return findTarget(directory, key, database, table, rules).then(({ target, refusal }) => {
      const isChecked = target.keyId !== 0n && target.tableId !== 0n
      const untilMs = isChecked ? Number.POSITIVE_INFINITY : clock.monotonicMs() + UNCHECKED_MS
      // What only these rules accept is not remembered for the others.
      if (version === current && directory.version() === current && !refusal)
        remembered.set(name, { target, untilMs })
      return target
    })
  }
}

/** @throws what the rules say; not_authorized (403) */
async function findTarget(
  directory: Directory,
  text: string | undefined,
  database: string,
  table: string,
  rules: KeyRules,
): Promise<{ target: EventTarget; refusal: boolean }> {
  const sent = readKey(text)
  if (sent === undefined) throw rules.missing()
  const place = { database, table }
  const key = await findKey(directory, sent, rules)
  if (key === undefined) return { target: unchecked(sent.accountId ?? 0n, sent, place), refusal: false }
  if (key === 'absent') return { target: unchecked(sent.accountId ?? 0n, sent, place), refusal: true }

  const { accountId } = key
  const inDatabase = await directory.findDatabase(accountId, database)
  if (inDatabase.kind !== 'found') return { target: unchecked(accountId, sent, place), refusal: false }
  const may = await directory.mayImport(key, inDatabase.value)
  if (may.kind === 'unknown') return { target: unchecked(accountId, sent, place), refusal: false }
  if (may.kind === 'absent' || !may.value) {
    if (rules.acceptsForbidden) return { target: unchecked(accountId, sent, place), refusal: true }
    throw httpErrors.not_authorized(`to import into database '${database}'`)
  }
  const into = await directory.findTable(accountId, database, table)
  const found = into.kind === 'found'
  const target: EventTarget = {
    ...place,
    accountId,
    keyId: key.id,
    tableId: found ? into.value.id : 0n,
    facts: found ? NO_FACTS : { 'create-table': '1' },
  }
  return { target, refusal: false }
}

/** Undefined while nobody can say; `absent` when it is not there and the rules accept that. */
async function findKey(
  directory: Directory,
  sent: SentKey,
  rules: KeyRules,
): Promise<SnapshotKey | undefined | 'absent'> {
  const found = await directory.findKey(sent.sha256)
  if (found.kind === 'unknown') return undefined
  const isAbsent =
    found.kind === 'absent' || (sent.accountId !== undefined && sent.accountId !== found.value.accountId)
  if (!isAbsent) return found.value
  if ('revoked' in found) throw ingestErrors.write_key_refused()
  if (rules.absent === undefined) return 'absent'
  throw rules.absent()
}

function unchecked(
  accountId: bigint,
  sent: SentKey,
  place: { database: string; table: string },
): EventTarget {
  const facts = { 'key-sha256': sent.sha256, 'create-table': '1' }
  return { ...place, accountId, keyId: 0n, tableId: 0n, facts }
}

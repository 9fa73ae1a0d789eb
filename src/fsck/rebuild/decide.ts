import { compareSpoolPositions, type SpoolPosition } from '../../spool/index.ts'

/** Who wrote a chunk file, by its name. */
export type Writer =
  | { kind: 'spool'; spool: string; epoch: bigint; position: SpoolPosition }
  | { kind: 'rewrite' }
  /** New rows, by a statement of SQL. */
  | { kind: 'insert'; job: bigint; attempt: number }
  | { kind: 'bulk-import'; session: bigint; job: bigint; attempt: number }

/** A chunk file with what matters of its footer. */
export type FoundChunk = {
  path: string
  tableId: bigint
  rows: number
  owner: string
  writer: Writer
  /** What it and its siblings stand for: parts `0 … of - 1` hold the rows of `paths` but for `leftOut` of them. */
  replaces: { part: number; of: number; leftOut: number; paths: string[] } | undefined
  modifiedAtMs: number
}

/** What else there is to go by. */
export type Evidence = {
  /** Who wrote the file of that name, as footers call it; it need not be there any more. */
  ownerOf(path: string): string | undefined
  /** From where on the spool will be loaded again; undefined when it is not here. */
  releasedOf(spool: string): SpoolPosition | undefined
  /** The last state of the catalog that the snapshot knows: undefined where it cannot tell. */
  wasLive(file: FoundChunk): boolean | undefined
  /** Bulk imports: nothing of the session waits for its commit. Rows of SQL: the attempt came to its end. undefined when nobody can tell. */
  wasCommitted(file: FoundChunk): boolean | undefined
}

/**
 * take: its rows are the table's. replaced: others stand for them, or they were deleted. again: its requests are still in the spool and
 * will be loaded. unfinished: nobody committed it. undecided: kept, not taken, and somebody should look.
 */
export type Fate = { fate: 'take' | 'replaced' | 'again' | 'unfinished' | 'undecided'; why: string }
const TAKE: Fate = { fate: 'take', why: '' }
export type Decision = { fates: Map<string, Fate>; warnings: string[] }

type Group = {
  owner: string
  members: FoundChunk[]
  sources: string[]
  of: number
  leftOut: number
  complete: boolean
}

/**
 * Which of the files of one table count, so that every row is there once. What the snapshot knows comes first; then what the files say
 * of each other: a file that another was made from was committed, and a file whose sources are gone was, too.
 */
export function decide(files: readonly FoundChunk[], evidence: Evidence): Decision {
  const fates = new Map<string, Fate>()
  const warnings: string[] = []
  const give = (path: string, fate: Fate['fate'], why: string): void => void fates.set(path, { fate, why })
  const present = new Set(files.map(({ path }) => path))
  const named = new Set(files.flatMap(({ replaces }) => replaces?.paths ?? []))

  for (const file of files) {
    const { writer, path } = file
    const released = writer.kind === 'spool' ? evidence.releasedOf(writer.spool) : undefined
    if (writer.kind === 'spool' && released && compareSpoolPositions(writer.position, released) >= 0)
      give(path, 'again', 'its requests are still in the spool and will be loaded from there')
  }
  for (const file of lowerEpochs(files))
    if (!fates.has(file.path)) give(file.path, 'unfinished', 'a later owner of the spool loaded the same')
  for (const file of files)
    if (!fates.has(file.path) && evidence.wasLive(file) === false)
      give(file.path, 'replaced', 'the snapshot does not name it any more')

  const groups = groupsOf(files.filter(({ path }) => !fates.has(path)))
  const isVetoed = (source: string) => fates.get(source)?.fate === 'again'
  // What one owner writes is committed as a whole: one file that somebody has read proves all of it.
  const proven = new Set([...named].map((path) => evidence.ownerOf(path)))
  for (const file of files) if (evidence.wasLive(file) === true) proven.add(file.owner)
  const isProven = ({ owner }: Group) => proven.has(owner)
  const missingOf = ({ sources }: Group) => sources.filter((path) => !present.has(path)).length
  const standsFor = new Map<string, Group>()
  const accept = (group: Group) => {
    for (const path of group.sources) standsFor.set(path, group)
    proven.add(group.owner)
  }
  const order = [...groups].sort(
    (a, b) =>
      Number(isProven(b)) - Number(isProven(a)) ||
      missingOf(b) - missingOf(a) ||
      Number(b.complete) - Number(a.complete) ||
      compareOwners(b.owner, a.owner),
  )
  for (const group of order) {
    const { sources, members, complete, leftOut } = group
    const rival = sources.map((path) => standsFor.get(path)).find(Boolean)
    const missing = missingOf(group)
    const refuse = (fate: 'unfinished' | 'undecided', why: string) => {
      for (const { path } of members) give(path, fate, why)
    }
    if (rival !== undefined) {
      const lost = sources.filter((path) => !present.has(path) && standsFor.get(path) === undefined)
      if (lost.length === 0) refuse('unfinished', `${rival.owner} stands for the same rows`)
      else refuse('undecided', `${rival.owner} stands for some of its rows, others are only here`)
    } else if (isProven(group)) accept(group)
    else if (sources.some(isVetoed) && missing === 0)
      refuse('unfinished', 'some of its rows are still in the spool')
    else if (missing === 0 && leftOut > 0)
      refuse(
        'undecided',
        `${leftOut} rows were being deleted, and nothing says that it came to an end: they are back`,
      )
    else if (missing === 0 && !complete) refuse('unfinished', 'not all of its files were written')
    else {
      accept(group)
      if (!complete)
        warnings.push(
          `${group.owner}: ${members.length} of ${group.of} files are here; the others were merged on, deleted, or are lost`,
        )
      if (sources.some(isVetoed))
        warnings.push(`${group.owner} holds rows that are still in the spool: they may be stored twice`)
    }
  }
  for (const [path, group] of standsFor)
    if (present.has(path) && !fates.has(path)) give(path, 'replaced', `${group.owner} stands for it`)
  for (const file of files)
    if (!fates.has(file.path))
      fates.set(file.path, proven.has(file.owner) ? TAKE : fateAlone(file, evidence.wasCommitted(file)))
  return { fates, warnings }
}

/** A file that nothing else speaks of. */
function fateAlone({ writer, replaces }: FoundChunk, wasCommitted: boolean | undefined): Fate {
  if (writer.kind === 'bulk-import' && wasCommitted !== true)
    return wasCommitted === false
      ? { fate: 'unfinished', why: 'its bulk import was not committed' }
      : { fate: 'undecided', why: 'nothing says whether its bulk import was committed' }
  if (writer.kind === 'insert' && wasCommitted !== true)
    return wasCommitted === false
      ? { fate: 'unfinished', why: 'a later attempt of its job came to its end' }
      : { fate: 'undecided', why: 'nothing says whether its job was committed' }
  if (writer.kind === 'rewrite' && replaces === undefined)
    return { fate: 'undecided', why: 'it does not say which chunks it stands for' }
  return TAKE
}

/** Of the same table and position: only the last owner of the spool can have committed. */
function lowerEpochs(files: readonly FoundChunk[]): FoundChunk[] {
  const newest = new Map<string, bigint>()
  const batchOf = ({ spool, position }: { spool: string; position: SpoolPosition }) =>
    `${spool} ${position.generation}:${position.offset}`
  for (const { writer } of files) {
    if (writer.kind !== 'spool') continue
    const before = newest.get(batchOf(writer)) ?? 0n
    if (writer.epoch > before) newest.set(batchOf(writer), writer.epoch)
  }
  return files.filter(({ writer }) => writer.kind === 'spool' && writer.epoch < newest.get(batchOf(writer))!)
}

function groupsOf(files: readonly FoundChunk[]): Group[] {
  const rewritten = files.filter(({ replaces }) => replaces !== undefined)
  const groups = Map.groupBy(rewritten, ({ owner, replaces }) => `${owner}\n${replaces!.paths.join('\n')}`)
  return [...groups.values()].map((members) => {
    const { owner, replaces } = members[0]!
    const { of, leftOut, paths } = replaces!
    const complete = new Set(members.map((one) => one.replaces!.part)).size === of
    return { owner, members, sources: paths, of, leftOut, complete }
  })
}

/** `merge:9` before `merge:10`. */
function compareOwners(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true })
}

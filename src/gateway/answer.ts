import type { Job } from '../jobs/index.ts'
import { errorTypeOf, QUERY_ERRORS } from '../query/index.ts'
import { placedIn } from './script-text.ts'
import { type FieldForm, typeSignature } from './type-signature.ts'

/** States a client is told (trinodb/trino QueryState.java). */
export type State = 'QUEUED' | 'RUNNING' | 'FINISHED' | 'FAILED'

export type Column = { name: string; type: string }
export type QueryFailure = { name: string; message: string; linesBefore: number }

/** One answer to a client, but for its rows. */
export type AnswerParts = {
  queryId: string
  baseUrl: string
  nextPath: string | undefined
  state: State
  job: Job | undefined
  startedAtMs: number
  nowMs: number
  columns: Column[] | undefined
  fields: FieldForm
  failure: QueryFailure | undefined
  warnings: readonly string[]
  updateType: string | undefined
  updateCount: bigint | undefined
}

const MAINTENANCE_WARNING = { code: 1, name: 'MAINTENANCE' }

/**
 * A QueryResults document (trinodb/trino client QueryResults.java) as JSON text. `rows` is an array of rows as JSON text, put in
 * as it is; undefined leaves `data` out, which is how no rows are told.
 */
export function answerText(parts: AnswerParts, rows: Buffer | undefined): Buffer {
  const { queryId, baseUrl, nextPath, columns, failure, warnings, updateType, updateCount } = parts
  const head = JSON.stringify({
    id: queryId,
    infoUri: `${baseUrl}/ui/query.html?${queryId}`,
    nextUri: nextPath === undefined ? undefined : baseUrl + nextPath,
    columns: columns?.map(({ name, type }) => ({
      name,
      type,
      typeSignature: typeSignature(type, parts.fields),
    })),
  })
  const tail = JSON.stringify({
    stats: statsOf(parts),
    error: failure === undefined ? undefined : errorOf(failure),
    warnings: warnings.map((message) => ({ warningCode: MAINTENANCE_WARNING, message })),
    updateType,
    updateCount: updateCount === undefined ? undefined : Number(updateCount),
  })
  const pieces: Buffer[] = [Buffer.from(head.slice(0, -1))]
  if (rows !== undefined) pieces.push(Buffer.from(',"data":'), rows)
  pieces.push(Buffer.from(`,${tail.slice(1)}`))
  return Buffer.concat(pieces)
}

/** Java clients read every number: none may be missing. */
function statsOf({ state, job, startedAtMs, nowMs }: AnswerParts): Record<string, unknown> {
  const started = job?.startAt?.getTime()
  const ended = job?.endAt?.getTime()
  const elapsed = Math.max(0, (ended ?? nowMs) - startedAtMs)
  const queued = Math.max(0, (started ?? ended ?? nowMs) - startedAtMs)
  const isOver = state === 'FINISHED' || state === 'FAILED'
  return {
    state,
    queued: state === 'QUEUED',
    scheduled: state !== 'QUEUED',
    progressPercentage: isOver ? 100 : state === 'QUEUED' ? 0 : undefined,
    runningPercentage: state === 'RUNNING' ? 100 : 0,
    nodes: 1,
    totalSplits: 1,
    queuedSplits: state === 'QUEUED' ? 1 : 0,
    runningSplits: state === 'RUNNING' ? 1 : 0,
    completedSplits: isOver ? 1 : 0,
    planningTimeMillis: 0,
    analysisTimeMillis: 0,
    finishingTimeMillis: 0,
    cpuTimeMillis: Number(job?.cpuMs ?? 0n),
    wallTimeMillis: Math.max(0, elapsed - queued),
    queuedTimeMillis: queued,
    elapsedTimeMillis: elapsed,
    physicalInputTimeMillis: 0,
    processedRows: Number(job?.resultRows ?? 0n),
    processedBytes: Number(job?.resultBytes ?? 0n),
    physicalInputBytes: 0,
    physicalWrittenBytes: 0,
    internalNetworkInputBytes: 0,
    peakMemoryBytes: 0,
    spilledBytes: 0,
  }
}

const INTERNAL = QUERY_ERRORS.GENERIC_INTERNAL_ERROR

/** Drivers build an exception of it: name, code, kind, place and a cause chain without causes. */
function errorOf({ name, message: text, linesBefore }: QueryFailure): Record<string, unknown> {
  const code: number = name in QUERY_ERRORS ? QUERY_ERRORS[name as keyof typeof QUERY_ERRORS] : INTERNAL
  const { message, location } = placedIn(text, linesBefore)
  return {
    message,
    errorCode: code,
    errorName: name in QUERY_ERRORS ? name : 'GENERIC_INTERNAL_ERROR',
    errorType: errorTypeOf(code),
    errorLocation: location,
    failureInfo: {
      type: 'io.trino.spi.TrinoException',
      message,
      suppressed: [],
      stack: [],
      errorInfo: { code, name, type: errorTypeOf(code) },
      errorLocation: location,
    },
  }
}

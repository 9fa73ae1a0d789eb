import type { Gate } from '../gate/index.ts'
import { AppError, backoffMs, isRetryable, type Service } from '../kernel/index.ts'
import { MERGE_LIMITS } from './config.ts'
import { BACKGROUND, type MergeDeps, mergeSpan } from './merge.ts'
import type { ArchiveMetrics, Backlog } from './metrics.ts'
import { type Decision, decide, type MergeRules, rangeOf } from './spans.ts'
import { carryChunks, databaseNow, dropClaim, readClaims, readSpans } from './store.ts'
import type { SpanContent } from './types.ts'

export type MergerOptions = MergeDeps & {
  gate: Pick<Gate, 'current'>
  metrics: ArchiveMetrics
  /** Told after each look: loaders make fewer, larger chunks while merging is behind. */
  onBacklog(backlog: Backlog): void
}

/** Merges begun on the knowledge of one look at the catalog. */
const MERGES_PER_LOOK = 64
const CARRIED_PER_LOOK = 1_000
const LONGEST_PENALTY_MS = 3_600_000
const TAKEOVER_MS = 30_000

type Todo = { content: SpanContent; decision: Extract<Decision, { kind: 'merge' }> }

/**
 * Keeps merging what the policy in `spans.ts` asks for: spans that are over first, hours being written in size classes, the
 * fullest first. Works only while the gate serves. A span whose merge fails waits longer each time; the others go on.
 */
export function createMerger(
  options: MergerOptions,
): Service & { look(signal: AbortSignal): Promise<number> } {
  const { gate, clock, log, settings, database, metrics } = options
  const penalties = new Map<string, { failures: number; untilMs: number }>()
  const claims = createClaimWatch(options)
  const rules: MergeRules = {
    fanIn: MERGE_LIMITS.fanIn,
    leastRows: settings.leastRows,
    quietSeconds: settings.quietSeconds,
    mostChunks: settings.mostChunksPerHour,
  }

  const isPunished = (content: SpanContent) =>
    (penalties.get(keyOf(content))?.untilMs ?? Number.NEGATIVE_INFINITY) > clock.monotonicMs()

  /** One look at the catalog and the merges that follow from it; the number of spans changed. */
  const look = async (signal: AbortSignal): Promise<number> => {
    await claims.look()
    const now = await database.read(BACKGROUND, databaseNow)
    const spans = await database.read(BACKGROUND, readSpans)
    const nowSeconds = BigInt(Math.floor(now.getTime() / 1000))
    const decided = spans.map((content) => ({ content, decision: decide(content, nowSeconds, rules) }))
    const backlog = backlogOf(decided, nowSeconds, options)
    metrics.backlog(backlog)
    options.onBacklog(backlog)
    const carried = await carry(decided)
    const todo = decided
      .filter((one): one is Todo => one.decision.kind === 'merge' && !isPunished(one.content))
      .sort(byUrgency)
    let merged = 0
    for (const one of todo.slice(0, MERGES_PER_LOOK)) {
      if (signal.aborted || gate.current().mode !== 'serving') break
      if (await mergeOne(one, signal)) merged++
    }
    return carried + merged
  }

  const carry = async (decided: { content: SpanContent; decision: Decision }[]): Promise<number> => {
    const alone = decided
      .filter(({ decision }) => decision.kind === 'carry')
      .slice(0, CARRIED_PER_LOOK)
      .map(({ content }) => ({ id: content.only!.id, level: content.level }))
    if (alone.length > 0)
      await database.write(BACKGROUND, (sql) => carryChunks(sql, alone, settings.leastRows))
    return alone.length
  }

  const mergeOne = async ({ content, decision }: Todo, signal: AbortSignal): Promise<boolean> => {
    const startedMs = clock.monotonicMs()
    const { tableId, level, start } = content
    const fields = { table: String(tableId), level, start: String(start) }
    try {
      const merged = await mergeSpan(options, { tableId, level, start }, decision, signal)
      if (merged === undefined) return false
      const tookMs = clock.monotonicMs() - startedMs
      metrics.merged(merged, tookMs / 1000)
      penalties.delete(keyOf(content))
      log.debug({ ...fields, ...merged, elapsedMs: Math.round(tookMs) }, 'chunks merged')
      return true
    } catch (error) {
      if (signal.aborted) throw error
      if (error instanceof AppError && error.code === 'merge_abandoned') {
        metrics.abandoned()
        log.debug({ ...fields, err: error }, 'a merge was given up')
        return false
      }
      // Away, or the disk is full: that says nothing about the span.
      if (isRetryable(error)) throw error
      metrics.failed()
      const failures = (penalties.get(keyOf(content))?.failures ?? 0) + 1
      const waitMs = backoffMs(failures, { firstMs: 10_000, mostMs: LONGEST_PENALTY_MS })
      penalties.set(keyOf(content), { failures, untilMs: clock.monotonicMs() + waitMs })
      log.error({ ...fields, failures, err: error }, 'chunks could not be merged, they stay as they are')
      return false
    }
  }

  return {
    name: 'merger',
    look,
    async run(signal) {
      for (let failures = 0; !signal.aborted; ) {
        let done = 0
        const startedMs = clock.monotonicMs()
        try {
          if (gate.current().mode === 'serving') done = await look(signal)
          failures = 0
        } catch (error) {
          if (signal.aborted) return
          if (!isRetryable(error)) throw error
          failures++
          log.debug({ err: error }, 'merging waits')
        }
        // A look at very many chunks takes its time: never more than a tenth of the database's.
        const idleMs = Math.max(settings.mergeSeconds * 1000, 10 * (clock.monotonicMs() - startedMs))
        const pauseMs = failures > 0 ? backoffMs(failures, { firstMs: 500 }) : idleMs
        if (done === 0) await clock.sleep(pauseMs, signal)
      }
    },
  }
}

const keyOf = ({ tableId, level, start }: SpanContent) => `${tableId} ${level} ${start}`

/** Overfull ones, then those that are over, narrow before wide, then the fullest. */
function byUrgency(a: Todo, b: Todo): number {
  const rank = ({ decision }: Todo) => (decision.urgent ? 0 : decision.closes ? 1 : 2)
  return rank(a) - rank(b) || a.content.level - b.content.level || b.content.chunks - a.content.chunks
}

function backlogOf(
  decided: { content: SpanContent; decision: Decision }[],
  nowSeconds: bigint,
  { settings }: MergerOptions,
): Backlog {
  let chunks = 0
  let mostInOneSpan = 0
  let oldestSeconds = 0
  for (const { content, decision } of decided) {
    chunks += content.chunks
    if (content.level === 0) mostInOneSpan = Math.max(mostInOneSpan, content.chunks)
    if (decision.kind !== 'merge' || !decision.closes) continue
    // Late data makes an old hour young again: what counts is how long it has been waiting.
    const { to } = rangeOf(content)
    const overSeconds = to === null || to > nowSeconds ? content.quietSeconds : Number(nowSeconds - to)
    oldestSeconds = Math.max(oldestSeconds, Math.min(overSeconds, content.quietSeconds))
  }
  const isCrowded = mostInOneSpan > settings.mostChunksPerHour
  const isBehind = isCrowded || oldestSeconds > settings.mostBacklogSeconds
  return { chunks, mostInOneSpan, oldestSeconds, isCrowded, isBehind }
}

/** Ends claims that stand still: their owners are gone. Time is our own, and only counts while the gate serves. */
function createClaimWatch({ database, clock, log, gate }: MergerOptions) {
  const seen = new Map<bigint, { beats: bigint; sinceMs: number }>()
  let lookedMs = Number.NEGATIVE_INFINITY
  let lastSequence = -1
  return {
    async look(): Promise<void> {
      const nowMs = clock.monotonicMs()
      if (nowMs - lookedMs < TAKEOVER_MS / 6) return
      lookedMs = nowMs
      const { sequence } = gate.current()
      // An absence in between: nobody could have advanced anything.
      if (sequence !== lastSequence) seen.clear()
      lastSequence = sequence
      const claims = await database.read(BACKGROUND, readClaims)
      const present = new Set(claims.map(({ attempt }) => attempt))
      for (const attempt of [...seen.keys()]) if (!present.has(attempt)) seen.delete(attempt)
      for (const claim of claims) {
        const before = seen.get(claim.attempt)
        if (before?.beats !== claim.beats) seen.set(claim.attempt, { beats: claim.beats, sinceMs: nowMs })
        else if (nowMs - before.sinceMs >= TAKEOVER_MS) {
          const dropped = await database.write(BACKGROUND, (sql) => dropClaim(sql, claim))
          if (dropped)
            log.warn({ attempt: claim.attempt }, 'a merge gave no sign of life, its claim was ended')
        }
      }
    },
  }
}

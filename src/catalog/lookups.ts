import type { Lookup, Question, SnapshotView, Verdict } from '../snapshot/index.ts'
import type { SnapshotExporter } from './exporter.ts'

/** The asker gives up after 200 ms; an answer a little before that still reaches it. */
const DEADLINE_MS = 170

/** Core's answers to ingest processes: what was committed before the question came is looked at first. */
export function createDecider({
  exporter,
  view,
}: {
  exporter: Pick<SnapshotExporter, 'catchUp'>
  view: SnapshotView
}): (question: Question) => Promise<Verdict> {
  return async (question) => {
    try {
      await exporter.catchUp({ deadlineMs: DEADLINE_MS })
    } catch (error) {
      return { verdict: 'unknown', reason: (error as Error).message }
    }
    const { position } = view
    const found = look(view, question)
    if (found.kind === 'unknown') return { verdict: 'unknown', reason: found.reason }
    return { verdict: found.kind === 'found' ? 'yes' : 'no', position }
  }
}

function look(view: SnapshotView, question: Question): Lookup<unknown> {
  switch (question.about) {
    case 'key':
      return view.findKey(question.sha256)
    case 'database':
      return view.findDatabase(BigInt(question.accountId), question.database)
    case 'table':
      return view.findTable(BigInt(question.accountId), question.database, question.table)
  }
}

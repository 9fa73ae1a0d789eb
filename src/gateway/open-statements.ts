import { openJournal } from '../jobs/index.ts'
import type { Log } from '../kernel/index.ts'

/** A statement whose client may still ask for its answer, and the job it became. */
export type OpenStatement = { query: string; slug: string; account: string; job: string }

/** Which statements are open, for the process after this one: it ends those that nobody asks for any more. */
export type OpenStatements = {
  /** What the process before has left. */
  readonly left: readonly OpenStatement[]
  /** On disk when it resolves. Does not reject: without its line a statement runs to its end, and no worse. */
  add(statement: OpenStatement): Promise<void>
  /** Keeps only those that are open, when the file has grown. */
  tidy(isOpen: (query: string) => boolean): Promise<void>
  close(): Promise<void>
}

/** Some two thousand statements. */
const TIDY_BYTES = 512 * 1024

export async function keepOpenStatements(path: string, { log }: { log: Log }): Promise<OpenStatements> {
  const { journal, bodies } = await openJournal<OpenStatement>(path, { log })
  const complain = (error: unknown) =>
    log.warn(
      { path, err: error },
      'cannot note which statements are open; after a restart they run to their end',
    )
  return {
    left: bodies,
    add: (statement) => journal.append(statement).catch(complain),
    async tidy(isOpen) {
      if (journal.bytes < TIDY_BYTES) return
      await journal.rewrite((all) => all.filter(({ query }) => isOpen(query))).catch(complain)
    },
    close: () => journal.close(),
  }
}

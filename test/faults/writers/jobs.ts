import { anyNode, expectUsual, loop, send, type WriterContext } from './send.ts'

/** A job somebody was given the number of, and what its result must be. */
export type IssuedJob = { id: string; expected: number; url: string }

/** Queries that need no table: whatever fails, a job's status and its result must be true in the end. */
export function issueJobs(context: WriterContext): { issued: IssuedJob[]; done: Promise<void> } {
  const issued: IssuedJob[] = []
  const done = loop(context, 900, async (n) => {
    const url = anyNode(context)
    const query = `SELECT count(*) + ${n} FROM UNNEST(SEQUENCE(1, ${1000 + n})) a (x)`
    const reply = await send(`${url}/v3/job/issue/presto/${context.database}`, {
      method: 'POST',
      headers: { authorization: `TD1 ${context.masterKey}` },
      body: new URLSearchParams({ query }),
    })
    if (!expectUsual(context, 'job/issue', reply) || reply.kind === 'cut') return
    const { job_id: id } = JSON.parse(reply.text) as { job_id: string }
    issued.push({ id, expected: 1000 + 2 * n, url })
  })
  return { issued, done }
}

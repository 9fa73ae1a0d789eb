import { createLedger, keyOf } from '../ledger.ts'
import { packed, recordOf } from './imports.ts'
import { anyNode, isRetryable, loop, pause, send, type Writer, type WriterContext } from './send.ts'

/**
 * Bulk import as td and embulk do it: create, upload the parts (some twice), perform, wait, commit; every call is repeated until it is
 * answered, a perform that failed is begun again. The rows are acknowledged by the answer to the commit.
 */
export function bulkImport(context: WriterContext): Writer {
  const ledger = createLedger('bulk', 'bulk', 'once')
  const done = loop(context, 400, async (n) => {
    const session = `session_${n}`
    await call(context, 'POST', `create/${session}/${context.database}/${ledger.table}`, [409])
    const keys: string[] = []
    for (let part = 0; part < 2; part++) {
      const mine = Array.from({ length: 20 }, (_, i) => keyOf('bulk', n, part, i))
      const body = packed(mine.map((key, i) => recordOf(key, n + i)))
      ledger.sending(mine)
      const times = context.random() < 0.2 ? 2 : 1
      for (let i = 0; i < times; i++)
        await call(context, 'PUT', `upload_part/${session}/part_${part}`, [], body)
      keys.push(...mine)
    }
    if (context.random() < 0.5) await call(context, 'POST', `freeze/${session}`, [409])
    for (;;) {
      await call(context, 'POST', `perform/${session}`, [409])
      if ((await endOfPerform(context, session)) === 'ready') break
    }
    await call(context, 'POST', `commit/${session}`, [])
    ledger.acknowledged(keys)
  })
  return { ledgers: [ledger], done }
}

/** Until it is answered with 200 or one of `also`, which say that an earlier try has done it. */
async function call(
  context: WriterContext,
  method: string,
  path: string,
  also: number[],
  body?: Buffer<ArrayBuffer>,
): Promise<string> {
  for (;;) {
    const url = `${anyNode(context)}/v3/bulk_import/${path}`
    const reply = await send(url, { method, headers: { authorization: `TD1 ${context.masterKey}` }, body })
    if (reply.kind === 'answer') {
      if (reply.status === 200 || also.includes(reply.status)) return reply.text
      if (!isRetryable(reply.status))
        context.wrong(`bulk_import/${path}: ${reply.status} ${reply.text.slice(0, 300)}`)
    }
    await pause(300)
  }
}

async function endOfPerform(context: WriterContext, session: string): Promise<string> {
  for (;;) {
    const { status } = JSON.parse(await call(context, 'GET', `show/${session}`, [])) as { status: string }
    if (status !== 'performing') return status
    await pause(300)
  }
}

import { gzipSync } from 'node:zlib'
import { encode } from '@msgpack/msgpack'
import { checksumOf, createLedger, keyOf } from '../ledger.ts'
import { anyNode, expectUsual, loop, pause, send, type Writer, type WriterContext } from './send.ts'

/** Events of the last days, so that there is something to merge. */
export function recordOf(key: string, n: number): Record<string, unknown> {
  return { time: 1_700_000_000 + (n % 5) * 3_600 + n, k: key, crc: checksumOf(key), text: `é 日 ${n}` }
}

export function packed(values: unknown[]): Buffer<ArrayBuffer> {
  return Buffer.from(gzipSync(Buffer.concat(values.map((value) => encode(value)))))
}

function importInto(context: WriterContext, url: string, path: string, body: Buffer<ArrayBuffer>) {
  const headers = { authorization: `TD1 ${context.masterKey}` }
  return send(`${url}/v3/table/${path}/msgpack.gz`, { method: 'PUT', headers, body })
}

/** fluentd: repeats a chunk under its id until it is answered 200, at whichever node a balancer gives it. */
export function importWithId(context: WriterContext): Writer {
  const ledger = createLedger('import', 'import_with_id', 'once')
  const done = loop(context, 40, async (n) => {
    const keys = Array.from({ length: 1 + (n % 30) }, (_, i) => keyOf('import', n, i))
    const body = packed(keys.map((key) => recordOf(key, n)))
    for (;;) {
      ledger.sending(keys)
      const path = `import_with_id/${context.database}/${ledger.table}/chunk-${n}`
      if (expectUsual(context, path, await importInto(context, anyNode(context), path, body))) break
      await pause(100)
    }
    ledger.acknowledged(keys)
    // An answer that did not arrive in time is asked for again.
    if (context.random() < 0.1)
      await importInto(
        context,
        anyNode(context),
        `import_with_id/${context.database}/${ledger.table}/chunk-${n}`,
        body,
      )
  })
  return { ledgers: [ledger], done }
}

/** The same chunk under the same id to both nodes at the same moment, until both have answered 200. */
export function importAtBoth(context: WriterContext): Writer {
  const ledger = createLedger('both', 'import_at_both', 'once')
  const done = loop(context, 60, async (n) => {
    const keys = Array.from({ length: 1 + (n % 10) }, (_, i) => keyOf('both', n, i))
    const body = packed(keys.map((key) => recordOf(key, n)))
    const path = `import_with_id/${context.database}/${ledger.table}/chunk-${n}`
    const until200 = async (url: string) => {
      for (;;) {
        ledger.sending(keys)
        if (expectUsual(context, path, await importInto(context, url, path, body))) break
        await pause(100)
      }
      ledger.acknowledged(keys)
    }
    await Promise.all(context.urls.map(until200))
  })
  return { ledgers: [ledger], done }
}

/** Older clients send no id: what they repeat may be there more than once. */
export function importWithoutId(context: WriterContext): Writer {
  const ledger = createLedger('plain', 'import_plain', 'bounded')
  const done = loop(context, 60, async (n) => {
    const keys = Array.from({ length: 1 + (n % 10) }, (_, i) => keyOf('plain', n, i))
    const body = packed(keys.map((key) => recordOf(key, n)))
    for (;;) {
      ledger.sending(keys)
      const path = `import/${context.database}/${ledger.table}`
      if (expectUsual(context, path, await importInto(context, anyNode(context), path, body))) break
      await pause(100)
    }
    ledger.acknowledged(keys)
  })
  return { ledgers: [ledger], done }
}

/**
 * Chunks with one good record and one that is none: the good one is stored, the other must be found among the error records, once.
 * The second ledger's table is read from there.
 */
export function importSpoiled(context: WriterContext): Writer {
  const good = createLedger('half', 'import_spoiled', 'once')
  const bad = createLedger('bad', 'import_spoiled', 'once')
  const done = loop(context, 300, async (n) => {
    const [key, badKey] = [keyOf('half', n), keyOf('bad', n)]
    const body = packed([recordOf(key, n), badKey])
    for (;;) {
      good.sending([key])
      bad.sending([badKey])
      const path = `import_with_id/${context.database}/${good.table}/chunk-${n}`
      if (expectUsual(context, path, await importInto(context, anyNode(context), path, body))) break
      await pause(100)
    }
    good.acknowledged([key])
    bad.acknowledged([badKey])
  })
  return { ledgers: [good, bad], done }
}

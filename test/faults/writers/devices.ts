import { checksumOf, createLedger, keyOf, type Ledger } from '../ledger.ts'
import { anyNode, expectUsual, loop, pause, send, type Writer, type WriterContext } from './send.ts'

/** The ingestion API with one bare record, sent until it is acknowledged; without an id it may be there more than once. */
export function ingestSingle(context: WriterContext): Writer {
  const ledger = createLedger('single', 'ingest_single', 'bounded')
  const headers = {
    authorization: `TD1 ${context.writeKey}`,
    'content-type': 'application/vnd.treasuredata.v1.single+json',
  }
  const done = loop(context, 40, async (n) => {
    const key = keyOf('single', n)
    const body = JSON.stringify({ k: key, crc: checksumOf(key), time: 1_700_000_000 + n })
    for (;;) {
      ledger.sending([key])
      const url = `${anyNode(context)}/${context.database}/${ledger.table}`
      if (expectUsual(context, 'single', await send(url, { method: 'POST', headers, body }))) break
      await pause(100)
    }
    ledger.acknowledged([key])
  })
  return { ledgers: [ledger], done }
}

type Waiting = { key: string; event: Record<string, unknown> }

/** SDKs from 1.0 on: what has no receipt yet is sent again together with what came since. */
export function postFromDevice(context: WriterContext): Writer {
  const ledger = createLedger('mobile', 'mobile', 'once')
  const headers = {
    authorization: `TD1 ${context.writeKey}`,
    'content-type': 'application/vnd.treasuredata.v1.mobile+json',
  }
  let waiting: Waiting[] = []
  let last = 0
  const upload = async () => {
    const batch = waiting.slice(0, 200)
    const keys = batch.map(({ key }) => key)
    ledger.sending(keys)
    const reply = await send(`${anyNode(context)}/${context.database}/${ledger.table}`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ events: batch.map(({ event }) => event) }),
    })
    if (!expectUsual(context, 'mobile', reply) || reply.kind === 'cut') return
    const { receipts } = JSON.parse(reply.text) as { receipts: { success: boolean }[] }
    const settled = new Set(keys.filter((_, i) => receipts[i]?.success === true))
    if (settled.size < keys.length)
      context.wrong(`mobile: events without a good receipt: ${reply.text.slice(0, 300)}`)
    ledger.acknowledged([...settled])
    waiting = waiting.filter(({ key }) => !settled.has(key))
  }
  const done = (async () => {
    await loop(context, 60, async () => {
      for (let i = 0; i < 1 + (last % 4); i++) {
        const key = keyOf('mobile', ++last)
        waiting.push({ key, event: { k: key, crc: checksumOf(key), uuid: uuidOf(1, last), os: 'android' } })
      }
      await upload()
    })
    while (waiting.length > 0) {
      await upload()
      await pause(100)
    }
  })()
  return { ledgers: [ledger], done }
}

function uuidOf(kind: number, n: number): string {
  return `0000000${kind}-0000-4000-8000-${n.toString(16).padStart(12, '0')}`
}

/** SDKs before 1.0: all tables in one request, the ids under `#UUID`. */
export function postFromOldDevice(context: WriterContext): Writer {
  const ledgers = ['one', 'two'].map((name) => createLedger(`old_${name}`, `device_${name}`, 'once'))
  const headers = {
    'x-td-write-key': context.writeKey,
    'content-type': 'application/json',
    'x-td-data-type': 'k',
  }
  const done = loop(context, 60, async (n) => {
    const batches = ledgers.map((ledger, table) => batchOf(ledger, table, n))
    const body = JSON.stringify(
      Object.fromEntries(
        batches.map(({ ledger, events }) => [`${context.database}.${ledger.table}`, events]),
      ),
    )
    for (;;) {
      for (const { ledger, keys } of batches) ledger.sending(keys)
      const path = n % 2 === 0 ? '/android/v3/event' : '/ios/v3/event'
      const reply = await send(`${anyNode(context)}${path}`, { method: 'POST', headers, body })
      if (expectUsual(context, 'old device', reply) && reply.kind === 'answer') {
        if (/"success":false/.test(reply.text)) context.wrong(`old device: ${reply.text.slice(0, 300)}`)
        break
      }
      await pause(100)
    }
    for (const { ledger, keys } of batches) ledger.acknowledged(keys)
  })
  return { ledgers, done }
}

function batchOf(ledger: Ledger, table: number, n: number) {
  const keys = Array.from({ length: 1 + ((n + table) % 3) }, (_, i) => keyOf(ledger.writer, n, i))
  const events = keys.map((key, i) => ({
    k: key,
    crc: checksumOf(key),
    '#UUID': uuidOf(2 + table, n * 10 + i),
    keen: { timestamp: '2023-11-14T22:13:20.000Z' },
  }))
  return { ledger, keys, events }
}

import { checksumOf, createLedger, keyOf } from '../ledger.ts'
import { anyNode, expectUsual, loop, type Reply, send, type Writer, type WriterContext } from './send.ts'

/** A browser sends such a request again by itself when a connection it used before dies before the answer; pages never do. */
const SENT_AGAIN = 0.5

/** td-js-sdk 3.1 and later: no retry of its own, an error handler at most. */
export function postFromPage(context: WriterContext): Writer {
  const ledger = createLedger('js', 'js_post', 'bounded')
  const headers = {
    authorization: `TD1 ${context.writeKey}`,
    'content-type': 'application/vnd.treasuredata.v1.js+json',
    origin: 'https://shop.example.org',
  }
  const done = loop(context, 30, async (n) => {
    const keys = Array.from({ length: 1 + (n % 3) }, (_, i) => keyOf('js', n, i))
    const body = JSON.stringify({
      events: keys.map((key) => ({ k: key, crc: checksumOf(key), td_ip: 'td_ip' })),
    })
    const url = `${anyNode(context)}/${context.database}/${ledger.table}?modified=${Date.now()}`
    const reply = await asBrowser(context, ledger.sending, keys, () =>
      send(url, { method: 'POST', headers, body }),
    )
    if (expectUsual(context, 'js post', reply)) ledger.acknowledged(keys)
  })
  return { ledgers: [ledger], done }
}

/** td-js-sdk 1.x and 2.x: a script element, which hears of nothing but the callback. */
export function jsonpFromPage(context: WriterContext): Writer {
  const ledger = createLedger('jsonp', 'js_jsonp', 'bounded')
  const done = loop(context, 40, async (n) => {
    const key = keyOf('jsonp', n)
    const data = Buffer.from(JSON.stringify({ k: key, crc: checksumOf(key), td_host: 'td_host' })).toString(
      'base64',
    )
    const query = new URLSearchParams({
      api_key: context.writeKey,
      modified: String(Date.now()),
      data,
      callback: `TreasureJSONPCallback${n}`,
    })
    const url = `${anyNode(context)}/js/v3/event/${context.database}/${ledger.table}?${query}`
    const reply = await asBrowser(context, ledger.sending, [key], () => send(url, { method: 'GET' }))
    const called =
      reply.kind === 'answer' && reply.text.includes(`TreasureJSONPCallback${n}({"created":true})`)
    if (expectUsual(context, 'jsonp', reply)) {
      if (called) ledger.acknowledged([key])
      else context.wrong(`jsonp: 200 without its callback`)
    }
  })
  return { ledgers: [ledger], done }
}

async function asBrowser(
  { random }: WriterContext,
  sending: (keys: string[]) => void,
  keys: string[],
  request: () => Promise<Reply>,
): Promise<Reply> {
  sending(keys)
  const reply = await request()
  if (reply.kind !== 'cut' || random() > SENT_AGAIN) return reply
  sending(keys)
  return request()
}

/** A webhook: one object, and whoever sends it does not send it again. */
export function postback(context: WriterContext): Writer {
  const ledger = createLedger('postback', 'postbacks', 'bounded')
  const done = loop(context, 40, async (n) => {
    const key = keyOf('postback', n)
    ledger.sending([key])
    const reply = await send(`${anyNode(context)}/postback/v3/event/${context.database}/${ledger.table}`, {
      method: 'POST',
      headers: { 'x-td-write-key': context.writeKey, 'content-type': 'application/json' },
      body: JSON.stringify({ k: key, crc: checksumOf(key) }),
    })
    if (expectUsual(context, 'postback', reply)) ledger.acknowledged([key])
  })
  return { ledgers: [ledger], done }
}

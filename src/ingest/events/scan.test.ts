import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { HAS_PLACEHOLDER, IS_OBJECT, IS_TOO_DEEP, scanBody } from './scan.ts'

/** MILLRACE_FUZZ_RUNS=100000 for the long form; fast-check prints seed and path of what fails. */
const numRuns = Number(process.env.MILLRACE_FUZZ_RUNS ?? 2000)

const scanned = (text: string) => {
  const bytes = Buffer.from(text)
  const found = scanBody(bytes)
  if (found.kind === 'malformed') return found
  const { scan, members } = found
  const event = (i: number) => ({
    text: bytes.toString('utf8', scan.start[i], scan.end[i]),
    uuid: scan.uuidAt[i] === -1 ? undefined : bytes.toString('utf8', scan.uuidAt[i], scan.uuidAt[i]! + 36),
    flags: scan.flags[i]!,
  })
  return {
    kind: found.kind,
    whole: event(0),
    members: members.map((member) => ({
      key: bytes.toString('utf8', member.keyStart, member.keyEnd),
      inside: bytes.toString('utf8', member.insideStart, member.insideEnd),
      events: Array.from({ length: member.count }, (_, i) => event(member.firstEvent + i)),
    })),
  }
}
const objectScan = (text: string) => {
  const found = scanned(text)
  if (found.kind === 'malformed') assert.fail(`malformed at ${found.at}: ${text}`)
  return found
}

describe('the scan of a body', () => {
  test('finds the events of an array as they were sent', () => {
    const text = ' {"events" : [ {"n":12345678901234567890, "n":1.50} ,\n"x",{} ], "other":[1] } '
    const { members, whole } = objectScan(text)
    assert.equal(whole.text, text.trim())
    assert.deepEqual(
      members.map(({ key, inside, events }) => [key, inside, events.map((event) => event.text)]),
      [
        [
          'events',
          ' {"n":12345678901234567890, "n":1.50} ,\n"x",{} ',
          ['{"n":12345678901234567890, "n":1.50}', '"x"', '{}'],
        ],
        ['other', '1', ['1']],
      ],
    )
    assert.deepEqual(
      members[0]!.events.map(({ flags }) => flags & IS_OBJECT),
      [IS_OBJECT, 0, IS_OBJECT],
    )
  })

  test('finds the uuid of an event: the last one, a text of 36 characters, on the first level', () => {
    const id = '5505C764-00FC-469B-8EEF-F85A0FC85794'
    const other = id.replace('5', '6')
    const uuids = (events: string) =>
      objectScan(`{"events":[${events}]}`).members[0]!.events.map(({ uuid }) => uuid)
    assert.deepEqual(
      uuids(
        `{"uuid":"${id}"},{"uuid":"${other}","uuid" : "${id}"},{"uuid":"short"},{"uuid":7},{"a":{"uuid":"${id}"}},{"uuid":"${id}","uuid":null}`,
      ),
      [id, id, undefined, undefined, undefined, undefined],
    )
    assert.equal(objectScan(`{"n":[1],"uuid":"${id}","m":2}`).whole.uuid, id)
  })

  test('sees which events hold values a browser leaves to the server', () => {
    const { members, whole } = objectScan(
      '{"events":[{"td_ip":"td_ip"},{"td_ip":"1.2.3.4"},{"a":{"b":"td_ip"}}],"c":1}',
    )
    assert.deepEqual(
      members[0]!.events.map(({ flags }) => (flags & HAS_PLACEHOLDER) !== 0),
      [true, false, false],
    )
    assert.equal(whole.flags & HAS_PLACEHOLDER, 0)
    assert.notEqual(objectScan('{"a":"td_os"}').whole.flags & HAS_PLACEHOLDER, 0)
  })

  test('marks what is nested deeper than 1000, and refuses what is nested without end', () => {
    const nested = (depth: number) => `{"a":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`
    const deep = (depth: number) =>
      objectScan(`{"events":[${nested(depth)},{}]}`).members[0]!.events.map(
        ({ flags }) => (flags & IS_TOO_DEEP) !== 0,
      )
    assert.deepEqual(deep(1000), [false, false])
    assert.deepEqual(deep(1001), [true, false])
    assert.equal(scanned(nested(20_000)).kind, 'malformed')
  })

  test('counts events beyond what it writes down', () => {
    const { members } = objectScanMembers(`{"events":[${'{},'.repeat(20_000)}{}],"more":[1,2]}`)
    assert.deepEqual(
      members.map(({ count }) => count),
      [20_001, 2],
    )
  })

  test('says where a body breaks', () => {
    assert.deepEqual(scanned('{"a":'), { kind: 'malformed', at: 5 })
    assert.deepEqual(scanned('{"a":01}'), { kind: 'malformed', at: 6 })
    assert.deepEqual(scanned('[1,2]'), { kind: 'malformed', at: 0 })
    assert.deepEqual(scanned(''), { kind: 'malformed', at: 0 })
  })
})

function objectScanMembers(text: string) {
  const found = scanBody(Buffer.from(text))
  if (found.kind === 'malformed') assert.fail('malformed')
  return found
}

/** JSON with white space, escapes and number spellings that JSON.stringify would not write. */
const jsonText: fc.Arbitrary<string> = fc.letrec<{ value: string }>((tie) => {
  const space = fc.constantFrom('', '', '', ' ', '\n\t', '\r\n ')
  const text = fc.oneof(
    fc.string({ unit: 'grapheme' }).map((value) => JSON.stringify(value)),
    fc.constantFrom('"\\u00e9\\ud83d\\ude00\\/"', '"\\ud800"', '"td_ip"', '"\u007f\u2028"', '"\\\\\\""'),
  )
  const number = fc.oneof(
    fc.double().map((value) => (Number.isFinite(value) ? String(value) : '0')),
    fc.constantFrom('-0', '1e5', '1E+5', '0.10', '-12.5e-3', '12345678901234567890'),
  )
  const list = (open: string, close: string, item: fc.Arbitrary<string>) =>
    fc
      .tuple(space, fc.array(fc.tuple(space, item, space), { maxLength: 5 }))
      .map(
        ([inside, items]) =>
          open + (items.length === 0 ? inside : items.map((i) => i.join('')).join()) + close,
      )
  const member = fc.tuple(text, space, space, tie('value')).map(([k, a, b, v]) => `${k}${a}:${b}${v}`)
  return {
    value: fc.oneof(
      { maxDepth: 4 },
      fc.oneof(text, number, fc.constantFrom('true', 'false', 'null')),
      list('[', ']', tie('value')),
      list('{', '}', member),
    ),
  }
}).value

describe('property: the scan against JSON.parse', () => {
  test('every body of events is found, event by event', () => {
    fc.assert(
      fc.property(fc.array(jsonText, { maxLength: 8 }), (events) => {
        const found = objectScan(`{"events":[${events.join(',')}]}`)
        assert.deepEqual(
          found.members[0]!.events.map(({ text, flags }) => [text, (flags & IS_OBJECT) !== 0]),
          events.map((text) => [text, text.startsWith('{')]),
        )
        for (const { text } of found.members[0]!.events) JSON.parse(text)
      }),
      { numRuns },
    )
  })

  test('a body that was broken anywhere is refused exactly when JSON.parse refuses it', () => {
    const broken = fc
      .tuple(
        fc.array(
          fc.tuple(
            fc.string().map((key) => JSON.stringify(key)),
            jsonText,
          ),
          { maxLength: 4 },
        ),
        fc.nat(),
        fc.nat({ max: 3 }),
        fc.oneof(
          fc.constantFrom(...'{}[]",:\\0-+.eEu \n\u0001tn', '', '""', '\\u12', '0x', 'NaN', '\ud83d\ude00'),
          fc.string({ maxLength: 2 }),
        ),
      )
      .map(([members, at, cut, put]) => {
        const text = `{${members.map(([key, value]) => `${key}:${value}`).join()}}`
        const place = at % (text.length + 1)
        return Buffer.from(text.slice(0, place) + put + text.slice(place + cut)).toString()
      })
    fc.assert(
      fc.property(broken, (text) => {
        assert.equal(scanned(text).kind === 'object', isJsonObject(text), JSON.stringify(text))
      }),
      { numRuns: numRuns * 5 },
    )
  })

  test('no bytes whatever make it throw or read beyond the end', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        scanBody(bytes)
        scanBody(Buffer.concat([Buffer.from('{"events":['), bytes]))
      }),
      { numRuns },
    )
  })
})

function isJsonObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
  } catch {
    return false
  }
}

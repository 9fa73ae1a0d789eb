import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { encode } from '@msgpack/msgpack'
import {
  createTableBatch,
  type DecodeLimits,
  type EventOptions,
  type KnownColumn,
  possibleIds,
} from './index.ts'
import { cellsByName, cellsOf } from './testing.ts'

/** Numbers of paragraphs and cases are those of the event-collection reference. */
const RECEIVED = 1_795_342_228
const DAY = 86_400
const ID = '5505c764-00fc-469b-8eef-f85a0fc85794'

type Setup = Partial<EventOptions> & { known?: KnownColumn[]; limits?: Partial<DecodeLimits> }

function addEvents(text: string | Buffer, setup: Setup = {}) {
  const { known = [], limits, ...options } = setup
  const batch = createTableBatch({ known, limits })
  const result = batch.addEvents(Buffer.from(text), {
    channel: 'records',
    receivedAtSeconds: RECEIVED,
    isRepeat: () => false,
    ...options,
  })
  const finished = batch.finish()
  const times = cellsOf(finished.columns[0]!, finished.rows).map(Number)
  const types = Object.fromEntries(finished.columns.slice(1).map(({ name, type }) => [name, type]))
  return { ...result, finished, times, types, cells: cellsByName(finished) }
}

const reasons = ({ faults }: { faults: { reason: string }[] }) => faults.map(({ reason }) => reason)

describe('events as JSON', () => {
  const values: [json: string, type: string, cell: unknown][] = [
    ['7', 'long', 7n],
    ['-5', 'long', -5n],
    ['-0', 'long', 0n],
    ['-4294967297', 'long', -4294967297n],
    ['999999999999999', 'long', 999999999999999n],
    ['9007199254740993', 'long', 9007199254740993n],
    ['9223372036854775807', 'long', 2n ** 63n - 1n],
    ['-9223372036854775808', 'long', -(2n ** 63n)],
    ['9223372036854775808', 'string', '9223372036854775808'],
    ['18446744073709551615', 'string', '18446744073709551615'],
    ['18446744073709551616', 'string', '18446744073709551616'],
    ['-9223372036854775809', 'string', '-9223372036854775809'],
    ['123456789012345678901234567890', 'string', '123456789012345678901234567890'],
    ['1.5', 'double', 1.5],
    ['1.0', 'double', 1],
    ['1e3', 'double', 1000],
    ['-2.5E-3', 'double', -0.0025],
    ['1e400', 'string', '1e400'],
    ['true', 'long', 1n],
    ['false', 'long', 0n],
    ['""', 'string', ''],
    ['"Skua"', 'string', 'Skua'],
    ['"é日本"', 'string', 'é日本'],
    ['"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9"', 'string', '"\\/\b\f\n\r\té'],
    ['"\\ud83d\\ude00"', 'string', '😀'],
    ['"a\\ud83d!"', 'string', 'a\ufffd!'],
    ['{ "a" : [ 1 , 2.50 , "x y" ] }', 'string', '{"a":[1,2.50,"x y"]}'],
    ['[18446744073709551616,null,true]', 'string', '[18446744073709551616,null,true]'],
    ['{"a":1,"a":"\\ud83d"}', 'string', '{"a":1,"a":"\ufffd"}'],
    ['{}', 'string', '{}'],
    ['[ ]', 'string', '[]'],
  ]
  for (const [json, type, cell] of values) {
    test(`§8.5: ${json} is ${type} ${cell}`, () => {
      const { types, cells, faults } = addEvents(`{"c":${json}}`)
      assert.deepEqual(faults, [])
      assert.deepEqual([types.c, cells.c], [type, [cell]])
    })
  }

  test('stand one after the other, with white space or commas between', () => {
    const { cells, faults } = addEvents(' {"n":1}\n{\n "n" :\t2\r\n},{"n":3}{"n":4} ,\n')
    assert.deepEqual([cells, faults], [{ n: [1n, 2n, 3n, 4n] }, []])
  })

  test('§8.7, case 64: null makes no column, {} is a row with only its time', () => {
    const { cells, times } = addEvents('{"a":null}{}{"b":""}')
    assert.deepEqual([cells, times], [{ b: [null, null, ''] }, [RECEIVED, RECEIVED, RECEIVED]])
  })

  test('§8.5: bytes that are not UTF-8 become U+FFFD and are counted', () => {
    const bad = Buffer.concat([
      Buffer.from('{"a":"x'),
      Buffer.from([0xff]),
      Buffer.from('","b":["'),
      Buffer.from([0xc3]),
      Buffer.from('"],"c":"\\n'),
      Buffer.from([0xff]),
      Buffer.from('"}'),
    ])
    const { cells, finished } = addEvents(bad)
    assert.deepEqual(cells, { a: ['x\ufffd'], b: ['["\ufffd"]'], c: ['\n\ufffd'] })
    assert.equal(finished.counters.invalidUtf8, 3)
  })

  test('the last of equal keys counts, however it is spelled', () => {
    const { cells } = addEvents('{"a":"x","\\u0061":2}{"a":1,"a":null}')
    assert.deepEqual(cells, { a: [2n, null] })
  })

  test('§8.3, case 20: names', () => {
    const { finished } = addEvents('{"_ga":"x","ScCid":"y","0422col":1,"日":2,"v":3,"a_b":4,"A-b":5,"":6}')
    assert.deepEqual(
      finished.newColumns.map(({ key, name }) => `${key}=${name}`),
      ['_ga=_ga', 'ScCid=sccid', '0422col=_422col', '日=_', 'v=v_1', 'a_b=a_b', 'A-b=a_b_1', '=__1'],
    )
  })

  test('§8.5, case 65: what the table has keeps its type while values convert without loss, else it is widened', () => {
    const known = ['a', 'b', 'c', 'd'].map((name) => ({ name, key: name, type: 'long' }))
    const { cells, finished } = addEvents('{"a":"7","b":"abc","c":7.0,"d":1.5}', { known })
    assert.deepEqual(cells, { a: [7n], b: ['abc'], c: [7n], d: ['1.5'] })
    assert.deepEqual(
      finished.widened.map(({ name, to }) => [name, to]),
      [
        ['b', 'string'],
        ['d', 'string'],
      ],
    )
  })

  test('§8.4, case 63: keys beyond the limit go to _overflow, the collector’s own too', () => {
    const { cells, finished } = addEvents('{"a":1,"b":{"x":[1 ,2]},"c":"\\n"}', {
      limits: { maxColumns: 1 },
      set: '{"td_ip": "203.0.113.9"}',
    })
    assert.deepEqual(cells, { a: [1n], _overflow: ['{"b":{"x":[1,2]},"c":"\\n","td_ip":"203.0.113.9"}'] })
    assert.equal(finished.overflowed, true)
  })

  test('§8.9: what is no object, or nested too deeply, is refused alone', () => {
    const deep = `{"a":${'['.repeat(1001)}${']'.repeat(1001)}}`
    const result = addEvents(`{"n":1}"x" 7,null [1]${deep}{"n":2}`)
    assert.deepEqual(reasons(result), [...Array(4).fill('record_not_a_map'), 'record_too_deep'])
    assert.equal(result.faults[0]!.bytes.toString(), '"x"')
    assert.deepEqual(result.cells, { n: [1n, 2n] })
    const nested = `${'[{"a":'.repeat(500)}7${'}]'.repeat(500)}`
    assert.deepEqual(addEvents(`{"n":${nested}}`).cells, { n: [nested] })
    const endless = '['.repeat(1_000_000)
    assert.deepEqual(reasons(addEvents(endless)), ['json_truncated'])
  })

  for (const [text, reason] of [
    ['{"a":1', 'json_truncated'],
    ['{"a":"x', 'json_truncated'],
    ['{"a":01}', 'json_invalid'],
    ['{"a":1,}', 'json_invalid'],
    ['{a:1}', 'json_invalid'],
    ['{"a":nul}', 'json_invalid'],
    ['{"a":"\\x"}', 'json_invalid'],
    ['{"a":"\n"}', 'json_invalid'],
    ['{"a":[1}', 'json_invalid'],
    ['{"a":NaN}', 'json_invalid'],
    ['{"a":1.}', 'json_invalid'],
  ] as const) {
    test(`${JSON.stringify(text)} is ${reason}; what stood before is stored`, () => {
      const result = addEvents(`{"n":1}${text}`)
      assert.deepEqual([reasons(result), result.cells], [[reason], { n: [1n] }])
      assert.equal(result.faults[0]!.bytes.toString(), text)
    })
  }

  test('share a batch with imports, whose keys mean something else', () => {
    const batch = createTableBatch({ known: [] })
    const options = { channel: 'records', receivedAtSeconds: RECEIVED, isRepeat: () => false } as const
    const packed = Buffer.from(encode({ a: 1, uuid: 'kept', b: 2 }))
    const event = Buffer.from(`{"a":3,"uuid":"${ID}","b":4}`)
    for (let i = 0; i < 2; i++) {
      batch.addImport(packed, { receivedAtSeconds: RECEIVED })
      batch.addEvents(event, options)
      batch.addEvents(Buffer.from('{"a":5,"uuid":6,"b":7}'), { ...options, channel: 'js' })
      batch.addEvents(Buffer.from('{"a":8,"b":9}'), { ...options, isRepeat: () => true })
    }
    const cells = cellsByName(batch.finish())
    assert.deepEqual(cells.uuid!.slice(0, 4), ['kept', null, '6', null])
    assert.deepEqual([cells.a!.length, cells.b![7]], [8, 9n])
  })
})

describe('§8.1: the time of events', () => {
  const cases: [json: string, seconds: number, original: string | null][] = [
    ['1700000001', 1_700_000_001, null],
    ['0', 0, null],
    ['253402300799', 253_402_300_799, null],
    ['1795342228.9', 1_795_342_228, null],
    ['1.7e9', 1_700_000_000, null],
    ['"1700000001"', 1_700_000_001, null],
    ['null', RECEIVED, null],
    // Case 31
    ['1700000001000', RECEIVED, '1700000001000'],
    // Case 32
    ['"2023-11-14T22:13:21Z"', RECEIVED, '2023-11-14T22:13:21Z'],
    ['-1', RECEIVED, '-1'],
    ['true', RECEIVED, 'true'],
    ['{"s": 1}', RECEIVED, '{"s":1}'],
    ['18446744073709551616', RECEIVED, '18446744073709551616'],
  ]
  for (const [json, seconds, original] of cases) {
    test(`${json} gives ${seconds === RECEIVED ? 'the time of receipt' : seconds}, original ${original}`, () => {
      const { times, cells } = addEvents(`{"time":${json},"n":1}`)
      assert.deepEqual(times, [seconds])
      assert.deepEqual(cells, original === null ? { n: [1n] } : { n: [1n], time_original: [original] })
    })
  }

  test('a week old or days ahead is stored, and counted', () => {
    const body = [-8, -6, 2, 4].map((days) => `{"time":${RECEIVED + days * DAY}}`).join('')
    assert.equal(addEvents(body).finished.counters.distantTimes, 2)
  })

  test('case 21: no other key is a time', () => {
    const { cells, types } = addEvents('{"expiry_date":1896048000000,"status":"given"}')
    assert.deepEqual([cells.expiry_date, types.expiry_date], [[1_896_048_000_000n], 'long'])
  })

  test('sent twice: the first integer counts, an equal one is dropped, another is kept as time_1', () => {
    const { times, cells } = addEvents(
      '{"time":5,"time":5}{"time":5,"time":"x"}{"time":"x","time":5}{"time":5,"time":6}{"time":"7","time":8}{"time":null,"time":9}{"time":"x","time":"y"}',
    )
    assert.deepEqual(times, [5, 5, 5, 5, 8, 9, RECEIVED])
    assert.deepEqual(cells, {
      time_1: [null, 'x', 'x', '6', '7', null, 'y'],
      time_original: [null, null, null, null, null, null, 'x'],
    })
  })

  test('the query’s time= counts where a browser’s event has none', () => {
    const setup = { channel: 'js-legacy', queryTime: '1700000001' } as const
    assert.deepEqual(addEvents('{"time":5}{"n":1}', setup).times, [5, 1_700_000_001])
    assert.deepEqual(addEvents('{}', { ...setup, queryTime: '1700000001000' }).times, [RECEIVED])
  })

  test('case 39: td_record_time of a postback counts from 7 days ago to 3 days ahead', () => {
    const at = (offset: number) => `{"td_record_time":${RECEIVED + offset}}`
    const body = [-8 * DAY, -6 * DAY, 2 * DAY, 4 * DAY].map(at).join('')
    const { times, cells } = addEvents(body, { channel: 'postback' })
    assert.deepEqual(times, [RECEIVED, RECEIVED - 6 * DAY, RECEIVED + 2 * DAY, RECEIVED])
    assert.equal(cells.td_record_time![0], String(RECEIVED - 8 * DAY))
    assert.deepEqual(addEvents('{"time":5}', { channel: 'postback' }).cells, { time_original: ['5'] })
  })

  test('case 33, case 34: old mobile SDKs', () => {
    const keen = '"keen":{"x":{"timestamp":1},"timestamp":"2016-01-07T12:00:00.000+0900"}'
    const result = addEvents(
      `{${keen},"#UUID":"u1","n":1}{"#UUID":"u2","#SSUT":true,"n":2}{${keen},"#SSUT":"up_at","n":3,"#other":4}` +
        '{"keen":{"timestamp":"soon"},"n":4}{"keen":7,"n":5}{"n":6,"time":7}',
      { channel: 'mobile-legacy' },
    )
    const then = 1_452_135_600
    assert.deepEqual(result.faults, [])
    assert.deepEqual(result.times, [then, RECEIVED, then, RECEIVED, RECEIVED, RECEIVED])
    assert.deepEqual(result.cells, {
      n: [1n, 2n, 3n, 4n, 5n, 6n],
      up_at: [null, null, BigInt(RECEIVED), null, null, null],
      time_original: [null, null, null, 'soon', null, '7'],
    })
    assert.equal(result.ids.length, 2)
  })
})

describe('ids of events', () => {
  test('case 22, case 23: uuid is not stored, and drops a repeat in the same request, whatever its letters', () => {
    const { ids, cells, repeats } = addEvents(
      `{"uuid":"${ID.toUpperCase()}","s":"hi"}{"s":"there","uuid":"${ID}","only":1}{"uuid":"nope","s":"a"}{"uuid":7,"s":"b"}`,
    )
    assert.deepEqual(ids, [ID])
    assert.equal(repeats, 1)
    assert.deepEqual(cells, { s: ['hi', 'a', 'b'] })
  })

  test('a batch whose third event is a repeat loses only that one, and its columns', () => {
    const id = (i: number) => `${ID.slice(0, -1)}${i}`
    const events = [0, 1, 2, 3].map((i) => `{"uuid":"${id(i)}","n":${i}${i === 2 ? ',"x":1' : ''}}`)
    const result = addEvents(events.join('\n'), { isRepeat: (asked) => asked === id(2) })
    assert.deepEqual(result.cells, { n: [0n, 1n, 3n] })
    assert.deepEqual([result.ids, result.repeats], [[id(0), id(1), id(3)], 1])
  })

  test('an event that is refused leaves its id free', () => {
    const deep = `${'['.repeat(1001)}${']'.repeat(1001)}`
    const { ids, cells } = addEvents(`{"uuid":"${ID}","a":${deep}}{"uuid":"${ID}","n":1}`)
    assert.deepEqual([ids, cells], [[ID], { n: [1n] }])
  })

  test('browsers and postbacks have no ids: uuid is a column like others', () => {
    for (const channel of ['js', 'js-legacy', 'postback'] as const) {
      const { ids, cells } = addEvents(`{"uuid":"${ID}"}{"uuid":"${ID}","keen":1,"#a":"b"}`, { channel })
      assert.deepEqual([ids, cells.uuid], [[], [ID, ID]])
      assert.deepEqual(Object.keys(cells), ['uuid', 'keen', '_a'])
    }
  })

  test('can be found without decoding, more rather than fewer', () => {
    const body = Buffer.from(`{"uuid" : "${ID.toUpperCase()}","a":{"uuid":"x"},"b":"uuid"}{"uuid":"cut`)
    assert.deepEqual(possibleIds(body, 'records'), [ID])
    assert.deepEqual(possibleIds(body, 'js'), [])
    assert.equal(possibleIds(Buffer.from('{"#UUID":"u1"}'), 'mobile-legacy').length, 1)
  })
})

describe('§8.6: columns the collector adds', () => {
  test('case 29: they win over the event’s own', () => {
    const { cells } = addEvents('{"n":1}{"td_ip":"mine","n":2}', {
      set: '{"td_ip":"203.0.113.9","td_os":null}',
    })
    assert.deepEqual(cells, { n: [1n, 2n], td_ip: ['203.0.113.9', '203.0.113.9'] })
  })

  test('case 5, case 6, case 13: a placeholder is replaced, another value is not', () => {
    const { cells } = addEvents(
      '{"td_browser":"td_browser","td_ip":"td_ip","td_global_id":"td_global_id"}{"td_browser":"mine","td_os":"td_ip"}',
      { channel: 'js', replace: '{"td_browser":"Chrome","td_ip":"203.0.113.9","td_global_id":null}' },
    )
    assert.deepEqual(cells, {
      td_browser: ['Chrome', 'mine'],
      td_ip: ['203.0.113.9', null],
      td_os: [null, 'td_ip'],
    })
  })

  test('case 7: without a replacement the placeholder is null, and never stored', () => {
    const { cells } = addEvents('{"n":1,"td_ip":"td_ip"}')
    assert.deepEqual(cells, { n: [1n] })
  })
})

test('case 38, §4: values of a postback are strings, spelled as sent', () => {
  const { cells, types } = addEvents('{"a":1,"b":"x","c":1.50,"d":true,"e":null,"f":{"g": 1}}', {
    channel: 'postback',
  })
  assert.deepEqual(cells, { a: ['1'], b: ['x'], c: ['1.50'], d: ['true'], f: ['{"g":1}'] })
  assert.equal(types.a, 'string')
  const known = [{ name: 'a', key: 'a', type: 'long' }]
  assert.deepEqual(addEvents('{"a":1}', { channel: 'postback', known }).cells, { a: [1n] })
})

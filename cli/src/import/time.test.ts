import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type TimeReader, timesInFormat, timeZone, usualTimes } from './time.ts'

const NOW = Date.parse('2026-03-01T12:00:00Z') / 1000
const utc = timeZone('UTC')!
const at = (text: string) => Date.parse(text) / 1000
const inFormat = (format: string, zone = utc) => {
  const reader = timesInFormat(format, zone, NOW)
  assert.equal(typeof reader, 'function')
  return reader as TimeReader
}

describe('times in their usual forms', () => {
  const read = usualTimes(utc, NOW)

  test('are seconds, ISO 8601, RFC 2822 and what log files write', () => {
    for (const [text, instant] of [
      ['1714555800', '2024-05-01T09:30:00Z'],
      ['1714555800.75', '2024-05-01T09:30:00Z'],
      ['2024-05-01T09:30:00Z', '2024-05-01T09:30:00Z'],
      ['2024-05-01 09:30:00 UTC', '2024-05-01T09:30:00Z'],
      ['2024-05-01 18:30:00 +0900', '2024-05-01T09:30:00Z'],
      ['2024-05-01 18:30:00.123 JST', '2024-05-01T09:30:00Z'],
      ['2024/5/1 9:30', '2024-05-01T09:30:00Z'],
      ['2024-05-01', '2024-05-01T00:00:00Z'],
      ['2024-02-29', '2024-02-29T00:00:00Z'],
      ['Wed, 01 May 2024 09:30:00 GMT', '2024-05-01T09:30:00Z'],
      ['01/May/2024:02:30:00 -0700', '2024-05-01T09:30:00Z'],
    ])
      assert.equal(read(text!), at(instant!), text)
    assert.equal(read(1714555800), 1714555800)
    assert.equal(read(1714555800n), 1714555800)
  })

  test('are not read from what is none, from days that do not exist, nor from milliseconds', () => {
    for (const text of [
      '',
      'soon',
      '2023-02-29',
      '2024-13-01',
      '2024-05-01 24:30',
      '2024-05-01 09:30 XYZ',
      '-5',
      '1714555800000',
    ])
      assert.equal(read(text), undefined, text)
  })

  test('without a zone are in the zone named, summer or winter', () => {
    const berlin = usualTimes(timeZone('Europe/Berlin')!, NOW)
    assert.equal(berlin('2024-07-01 12:00:00'), at('2024-07-01T10:00:00Z'))
    assert.equal(berlin('2024-01-01 12:00:00'), at('2024-01-01T11:00:00Z'))
    assert.equal(berlin('2024-03-31 03:00:00'), at('2024-03-31T01:00:00Z'))
    assert.equal(berlin('2024-03-31 01:59:59'), at('2024-03-31T00:59:59Z'))
    assert.equal(timeZone('Mars/Base'), undefined)
    assert.equal(usualTimes(timeZone('+05:30')!, NOW)('2024-01-01 05:30'), at('2024-01-01T00:00:00Z'))
  })
})

describe('times in a format', () => {
  test('are read by strftime(3)', () => {
    assert.equal(inFormat('%d/%b/%Y:%H:%M:%S %z')('01/May/2024:02:30:00 -0700'), at('2024-05-01T09:30:00Z'))
    assert.equal(inFormat('%Y-%m-%dT%T.%3N%z')('2024-05-01T09:30:00.123+00:00'), at('2024-05-01T09:30:00Z'))
    assert.equal(inFormat('%m/%d/%y %I:%M %p')('5/1/24 09:30 PM'), at('2024-05-01T21:30:00Z'))
    assert.equal(inFormat('%A, %B %e %Y')('Wednesday, May  1 2024'), at('2024-05-01T00:00:00Z'))
    assert.equal(inFormat('%Q')('1714555800999'), 1714555800)
    assert.equal(inFormat('%s')('1714555800'), 1714555800)
    assert.equal(inFormat('(%F) %R')('(2024-05-01) 09:30'), at('2024-05-01T09:30:00Z'))
    assert.equal(inFormat('%Y-%j')('2024-122'), at('2024-05-01T00:00:00Z'))
    assert.equal(inFormat('%Y.%m')('2024x05'), undefined)
    assert.equal(inFormat('%Y-%m-%d')('2024-02-30'), undefined)
    assert.deepEqual(timesInFormat('%Y %q', utc, NOW), { unknown: '%q' })
  })

  test('without a year are of the last year that has come', () => {
    const syslog = inFormat('%b %d %H:%M:%S')
    assert.equal(syslog('Feb 28 10:00:00'), at('2026-02-28T10:00:00Z'))
    assert.equal(syslog('Mar  2 10:00:00'), at('2026-03-02T10:00:00Z'))
    assert.equal(syslog('Dec 20 12:41:44'), at('2025-12-20T12:41:44Z'))
    assert.equal(syslog('Feb 29 10:00:00'), at('2024-02-29T10:00:00Z'))
  })
})

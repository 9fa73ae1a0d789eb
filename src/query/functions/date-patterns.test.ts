import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { compilePattern, type Dialect } from './date-patterns.ts'
import { localTimeOf, secondsOf, weekOf } from './local-time.ts'
import { parsePattern } from './parse-pattern.ts'
import { strftimePattern } from './strftime.ts'
import { formatInstant, knownZone } from './td-moments.ts'

const print = (instant: number, pattern: string, dialect: Dialect = 'java', zone = 'UTC'): string =>
  formatInstant(instant, 0, pattern, dialect, knownZone(zone))
const at = (iso: string): number => Date.parse(iso) / 1000

describe('a date pattern', () => {
  test('of Java prints quoted text, runs of letters by their number, and zones', () => {
    const instant = at('2014-10-04T00:24:52Z')
    assert.equal(print(instant, "yyyy-MM-dd'T'HH:mm:ss'Z'"), '2014-10-04T00:24:52Z')
    assert.equal(print(instant, "h 'o''clock' a", 'java', 'Asia/Tokyo'), "9 o'clock AM")
    assert.equal(print(instant, 'XXX X Z z', 'java', '+09:30'), '+09:30 +09 +0930 GMT+09:30')
    assert.equal(print(instant, 'z', 'java', 'Europe/Berlin'), 'CEST')
    assert.equal(print(at('2014-01-04T00:00:00Z'), 'z', 'java', 'Europe/Berlin'), 'CET')
    assert.equal(print(instant, 'SSS S'), '000 0')
  })

  test('of Java has week years of American weeks, of Joda of ISO weeks', () => {
    assert.equal(print(at('2024-12-30T00:00:00Z'), 'YYYY-ww'), '2025-01')
    assert.equal(print(at('2021-01-01T00:00:00Z'), 'xxxx-ww', 'joda'), '2020-53')
    assert.equal(print(at('2021-01-01T00:00:00Z'), 'YYYY', 'joda'), '2021')
  })

  test('that is none is refused with the reason', () => {
    assert.throws(() => compilePattern('yyyy-bb', 'java'), /Illegal pattern character 'b'/)
    assert.throws(() => compilePattern("yyyy 'x", 'java'), /unterminated quote/)
    assert.throws(() => compilePattern('%D', 'mysql'), /%D not supported in date format string/)
    assert.throws(() => compilePattern('%', 'mysql'), /Both printing and parsing not supported/)
    assert.throws(() => compilePattern('', 'joda'), /Invalid pattern specification/)
  })

  test('is left to strftime only when the engine prints the same', () => {
    assert.equal(strftimePattern(compilePattern('yyyy-MM-dd HH:mm:ss', 'java')), '%Y-%m-%d %H:%M:%S')
    assert.equal(strftimePattern(compilePattern('100%', 'java').concat()), '100%%')
    assert.equal(strftimePattern(compilePattern('YYYY-MM-dd', 'java')), undefined)
    assert.equal(strftimePattern(compilePattern('yyyy z', 'java')), undefined)
    assert.equal(strftimePattern(compilePattern('%x-%v %i', 'mysql')), '%G-%V %M')
  })

  test('reads back what it printed', () => {
    const patterns: [Dialect, string][] = [
      ['joda', 'yyyy-MM-dd HH:mm:ss'],
      ['joda', 'EEE, d MMM yyyy hh:mm:ss a'],
      ['joda', 'yyyyMMddHHmmss'],
      ['joda', 'yyyy-DDD kk:mm:ss'],
      ['mysql', '%W, %e %M %Y %r'],
      ['mysql', '%y/%c/%d %T'],
    ]
    fc.assert(
      fc.property(
        fc.constantFrom(...patterns),
        fc.integer({ min: 0, max: at('2069-12-31T23:59:59Z') }),
        ([dialect, pattern], instant) => {
          const parsed = parsePattern(compilePattern(pattern, dialect), print(instant, pattern, dialect))
          assert.ok('localSeconds' in parsed)
          assert.equal(parsed.localSeconds, instant)
        },
      ),
    )
  })

  test('says where a text stops following it', () => {
    const elements = compilePattern('%Y-%m-%d', 'mysql')
    assert.deepEqual(parsePattern(elements, '2024-01-01x'), { malformedAt: 10 })
    assert.deepEqual(parsePattern(elements, '2024/01-01'), { malformedAt: 4 })
    assert.ok('malformedAt' in parsePattern(elements, '2024-13-01'))
    assert.ok('malformedAt' in parsePattern(elements, '2023-02-29'))
  })
})

describe('calendar arithmetic', () => {
  test('agrees with Date over all days', () => {
    fc.assert(
      fc.property(fc.integer({ min: -62_000_000_000, max: 250_000_000_000 }), (seconds) => {
        const date = new Date(seconds * 1000)
        const local = localTimeOf(seconds)
        assert.deepEqual(
          [local.year, local.month, local.day, local.hour],
          [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate(), date.getUTCHours()],
        )
        assert.equal(secondsOf(local), seconds)
      }),
    )
  })

  test('knows the ISO week at the ends of years', () => {
    assert.deepEqual(weekOf({ year: 2005, month: 1, day: 1 }), { year: 2004, week: 53 })
    assert.deepEqual(weekOf({ year: 2008, month: 12, day: 29 }), { year: 2009, week: 1 })
  })
})

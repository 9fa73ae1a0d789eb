import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { findZone, instantOf, localSecondsOf, offsetAt, offsetText, type Zone } from './zones.ts'

const zone = (name: string): Zone => {
  const found = findZone(name)
  assert.ok(found, name)
  return found
}
const at = (iso: string): number => Date.parse(iso) / 1000

describe('a time zone', () => {
  test('is found by IANA name, offset, Java short id or daylight abbreviation, in any letter case', () => {
    assert.deepEqual(zone('asia/tokyo'), { kind: 'region', name: 'Asia/Tokyo' })
    assert.deepEqual(zone('jst'), { kind: 'region', name: 'Asia/Tokyo' })
    assert.deepEqual(zone('PST'), { kind: 'region', name: 'America/Los_Angeles' })
    assert.deepEqual(zone('PDT'), { kind: 'offset', name: '-07:00', offsetSeconds: -25_200 })
    assert.deepEqual(zone('EST'), { kind: 'offset', name: '-05:00', offsetSeconds: -18_000 })
    assert.deepEqual(zone('+0530'), { kind: 'offset', name: '+05:30', offsetSeconds: 19_800 })
    assert.deepEqual(zone('UTC+9'), { kind: 'offset', name: '+09:00', offsetSeconds: 32_400 })
    assert.deepEqual(zone('z'), { kind: 'region', name: 'UTC' })
    assert.deepEqual(zone('-00:00'), { kind: 'region', name: 'UTC' })
    assert.deepEqual(zone('AMERICA/PORT-AU-PRINCE'), { kind: 'region', name: 'America/Port-au-Prince' })
  })

  test('that does not exist is not made up', () => {
    for (const name of ['', 'Mars', 'Mars/Phobos', '+25:00', '+09:75', 'XYZ', '2024'])
      assert.equal(findZone(name), undefined, name)
  })

  test('keeps the name the user knows, not the one the runtime prefers', () => {
    assert.equal(zone('Asia/Kolkata').name, 'Asia/Kolkata')
  })

  test('changes its offset at the second the rules say', () => {
    const la = zone('America/Los_Angeles')
    assert.equal(offsetAt(la, at('2024-03-10T09:59:59Z')), -28_800)
    assert.equal(offsetAt(la, at('2024-03-10T10:00:00Z')), -25_200)
    assert.equal(offsetAt(la, at('2024-11-03T08:59:59Z')), -25_200)
    assert.equal(offsetAt(la, at('2024-11-03T09:00:00Z')), -28_800)
    assert.equal(offsetAt(zone('Asia/Tokyo'), at('1951-08-01T00:00:00Z')), 36_000)
    assert.equal(offsetAt(zone('Australia/Lord_Howe'), at('2024-01-01T00:00:00Z')), 39_600)
  })

  test('agrees with the calendar of the runtime at any instant', () => {
    const names = ['America/New_York', 'Africa/Casablanca', 'Asia/Kathmandu', 'Europe/Dublin', 'Pacific/Apia']
    const clocks = new Map(
      names.map((name) => [
        name,
        new Intl.DateTimeFormat('sv-SE', { timeZone: name, dateStyle: 'short', timeStyle: 'medium' }),
      ]),
    )
    fc.assert(
      fc.property(
        fc.constantFrom(...names),
        fc.integer({ min: at('1972-01-01T00:00:00Z'), max: at('2037-01-01T00:00:00Z') }),
        (name, instant) => {
          const local = new Date(localSecondsOf(zone(name), instant) * 1000)
            .toISOString()
            .slice(0, 19)
            .replace('T', ' ')
          assert.equal(local, clocks.get(name)!.format(instant * 1000))
        },
      ),
      { numRuns: 400 },
    )
  })

  test('gives the instant of a local time back, whatever the clocks do', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: at('2000-01-01T00:00:00Z'), max: at('2030-01-01T00:00:00Z') }),
        (instant) => {
          const la = zone('America/Los_Angeles')
          const again = instantOf(la, localSecondsOf(la, instant))
          // An hour that comes twice is read as its first.
          assert.ok(again === instant || again === instant - 3600)
        },
      ),
    )
  })

  test('moves a skipped local time on by the gap and takes the first of a repeated one', () => {
    const la = zone('America/Los_Angeles')
    assert.equal(instantOf(la, at('2024-03-10T02:30:00Z')), at('2024-03-10T10:30:00Z'))
    assert.equal(instantOf(la, at('2024-11-03T01:30:00Z')), at('2024-11-03T08:30:00Z'))
  })

  test('survives instants no calendar has', () => {
    assert.equal(offsetAt(zone('Asia/Tokyo'), 9e15), 32_400)
    assert.equal(offsetText(-12_600), '-03:30')
    assert.equal(offsetText(32_400, ''), '+0900')
  })
})

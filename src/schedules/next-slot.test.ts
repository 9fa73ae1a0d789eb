import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { parseCron } from './cron.ts'
import { nextSlot } from './next-slot.ts'
import { openZone } from './zone.ts'

/** The slots after an instant, as `2026-03-29T00:00Z`. */
function slots(cron: string, zone: string, after: string, count: number): string[] {
  const parsed = parseCron(cron)
  const opened = openZone(zone)
  const found: string[] = []
  let at = new Date(after)
  while (found.length < count) {
    const next = nextSlot(parsed, opened, at)
    if (next === undefined) break
    found.push(`${next.toISOString().slice(0, 16)}Z`)
    at = next
  }
  return found
}

/** cron | zone | after | the next slots */
const TABLE: [cron: string, zone: string, after: string, next: string[]][] = [
  ['0 0 * * *', 'UTC', '2026-11-22T12:00:00Z', ['2026-11-23T00:00Z', '2026-11-24T00:00Z']],
  ['*/15 * * * *', 'UTC', '2026-11-22T12:00:00Z', ['2026-11-22T12:15Z', '2026-11-22T12:30Z']],
  ['@hourly', 'UTC', '2026-11-22T12:00:00Z', ['2026-11-22T13:00Z']],
  ['@daily', 'Asia/Tokyo', '2026-11-22T12:00:00Z', ['2026-11-22T15:00Z', '2026-11-23T15:00Z']],
  ['@weekly', 'UTC', '2026-11-22T12:00:00Z', ['2026-11-29T00:00Z']],
  ['@monthly', 'UTC', '2026-11-22T12:00:00Z', ['2026-12-01T00:00Z', '2027-01-01T00:00Z']],
  ['@yearly', 'UTC', '2026-11-22T12:00:00Z', ['2027-01-01T00:00Z', '2028-01-01T00:00Z']],
  ['0 9 * * mon-fri', 'UTC', '2026-11-20T09:00:00Z', ['2026-11-23T09:00Z', '2026-11-24T09:00Z']],
  ['0 9 * * 7', 'UTC', '2026-11-20T09:00:00Z', ['2026-11-22T09:00Z']],
  ['0 9 1 jan,JUL *', 'UTC', '2026-11-20T09:00:00Z', ['2027-01-01T09:00Z', '2027-07-01T09:00Z']],
  ['0 0 13 * 5', 'UTC', '2026-11-10T00:00:00Z', ['2026-11-13T00:00Z', '2026-11-20T00:00Z']],
  [
    '0 0 31 * *',
    'UTC',
    '2026-11-22T00:00:00Z',
    ['2026-12-31T00:00Z', '2027-01-31T00:00Z', '2027-03-31T00:00Z'],
  ],
  ['0 0 29 2 *', 'UTC', '2026-11-22T00:00:00Z', ['2028-02-29T00:00Z', '2032-02-29T00:00Z']],
  ['0 0 29 2 *', 'UTC', '2097-01-01T00:00:00Z', ['2104-02-29T00:00Z']],
  [
    '5/20 8-10/2 * * *',
    'UTC',
    '2026-11-22T00:00:00Z',
    ['2026-11-22T08:05Z', '2026-11-22T08:25Z', '2026-11-22T08:45Z', '2026-11-22T10:05Z'],
  ],
  // Berlin, 29 March 2026: 02:00 CET becomes 03:00 CEST (01:00 UTC).
  [
    '30 2 * * *',
    'Europe/Berlin',
    '2026-03-28T00:00:00Z',
    ['2026-03-28T01:30Z', '2026-03-29T01:30Z', '2026-03-30T00:30Z'],
  ],
  [
    '0,30 2 * * *',
    'Europe/Berlin',
    '2026-03-28T12:00:00Z',
    ['2026-03-29T01:00Z', '2026-03-29T01:30Z', '2026-03-30T00:00Z'],
  ],
  ['30 2,3 * * *', 'Europe/Berlin', '2026-03-28T12:00:00Z', ['2026-03-29T01:30Z', '2026-03-30T00:30Z']],
  [
    '0 * * * *',
    'Europe/Berlin',
    '2026-03-28T23:30:00Z',
    ['2026-03-29T00:00Z', '2026-03-29T01:00Z', '2026-03-29T02:00Z'],
  ],
  // Berlin, 25 October 2026: 03:00 CEST becomes 02:00 CET (01:00 UTC).
  ['30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00:00Z', ['2026-10-25T00:30Z', '2026-10-26T01:30Z']],
  [
    '30 * * * *',
    'Europe/Berlin',
    '2026-10-25T00:00:00Z',
    ['2026-10-25T00:30Z', '2026-10-25T01:30Z', '2026-10-25T02:30Z'],
  ],
  ['0 0 * * *', 'Europe/Berlin', '2026-10-24T12:00:00Z', ['2026-10-24T22:00Z', '2026-10-25T23:00Z']],
  // Los Angeles, 8 March 2026: 02:00 PST becomes 03:00 PDT (10:00 UTC).
  [
    '15 2 * * *',
    'America/Los_Angeles',
    '2026-03-07T00:00:00Z',
    ['2026-03-07T10:15Z', '2026-03-08T10:15Z', '2026-03-09T09:15Z'],
  ],
  [
    '*/30 * * * *',
    'America/Los_Angeles',
    '2026-03-08T09:20:00Z',
    ['2026-03-08T09:30Z', '2026-03-08T10:00Z', '2026-03-08T10:30Z'],
  ],
  // Los Angeles, 1 November 2026: 02:00 PDT becomes 01:00 PST (09:00 UTC).
  ['30 1 * * *', 'America/Los_Angeles', '2026-10-31T12:00:00Z', ['2026-11-01T08:30Z', '2026-11-02T09:30Z']],
  ['30 1 * * *', 'America/Los_Angeles', '2026-11-01T08:30:00Z', ['2026-11-02T09:30Z']],
  [
    '30 */1 * * *',
    'America/Los_Angeles',
    '2026-11-01T08:00:00Z',
    ['2026-11-01T08:30Z', '2026-11-01T09:30Z', '2026-11-01T10:30Z'],
  ],
  // Half-hour offsets, and a zone whose clocks change at midnight (Santiago, 6 September 2026).
  ['0 0 * * *', 'Asia/Kolkata', '2026-11-22T00:00:00Z', ['2026-11-22T18:30Z']],
  [
    '0 0 * * *',
    'America/Santiago',
    '2026-09-05T00:00:00Z',
    ['2026-09-05T04:00Z', '2026-09-06T04:00Z', '2026-09-07T03:00Z'],
  ],
]

describe('the next slot of a schedule', () => {
  for (const [cron, zone, after, expected] of TABLE) {
    test(`'${cron}' in ${zone} after ${after} is ${expected[0]}`, () => {
      assert.deepEqual(slots(cron, zone, after, expected.length), expected)
    })
  }

  test('does not exist for a day that never comes', () => {
    assert.deepEqual(slots('0 0 30 2 *', 'UTC', '2026-01-01T00:00:00Z', 1), [])
  })

  test('never goes back and never repeats, whatever the cron, the zone and the moment', () => {
    const minute = fc.oneof(fc.constant('*'), fc.constant('*/7'), fc.integer({ min: 0, max: 59 }).map(String))
    const hour = fc.oneof(fc.constant('*'), fc.constant('*/5'), fc.integer({ min: 0, max: 23 }).map(String))
    const zone = fc.constantFrom(
      'UTC',
      'Europe/Berlin',
      'America/Los_Angeles',
      'Asia/Tokyo',
      'Australia/Lord_Howe',
    )
    // Around the changes of clocks, where it could go wrong.
    const moment = fc.constantFrom(
      '2026-03-28T20:00:00Z',
      '2026-10-24T20:00:00Z',
      '2026-03-08T06:00:00Z',
      '2026-11-01T06:00:00Z',
      '2026-10-03T12:00:00Z',
      '2026-04-04T12:00:00Z',
    )
    fc.assert(
      fc.property(minute, hour, zone, moment, (m, h, z, start) => {
        const cron = parseCron(`${m} ${h} * * *`)
        const opened = openZone(z)
        let at = new Date(start)
        for (let i = 0; i < 12; i++) {
          const next = nextSlot(cron, opened, at)!
          assert.ok(next > at)
          const local = new Date(opened.localMs(next.getTime()))
          const isPlain = cron.minutes.has(local.getUTCMinutes()) && cron.hours.has(local.getUTCHours())
          // Only a clock hour that was skipped may show another time.
          assert.ok(
            isPlain ||
              (!cron.everyHour &&
                Number.isFinite(opened.clocksOn(Math.floor(local.getTime() / 864e5) * 864e5).changeAtMs)),
          )
          at = next
        }
      }),
      { numRuns: 200 },
    )
  })

  test('of a clock time comes exactly once on every day of a year, also where clocks change', () => {
    for (const zone of ['Europe/Berlin', 'America/Los_Angeles', 'Asia/Tokyo', 'Australia/Lord_Howe']) {
      for (const cron of ['30 2 * * *', '30 1 * * *', '0 0 * * *']) {
        const opened = openZone(zone)
        const days = slots(cron, zone, '2026-01-01T00:00:00Z', 365).map((slot) =>
          Math.floor(opened.localMs(Date.parse(slot)) / 864e5),
        )
        assert.ok(
          days.every((day, i) => i === 0 || day === days[i - 1]! + 1),
          `${cron} ${zone}`,
        )
      }
    }
  })
})

describe('a cron expression', () => {
  const refused: [cron: string, why: RegExp][] = [
    ['', /five fields/],
    ['0 0 * *', /five fields/],
    ['0 0 0 * * *', /five fields/],
    ['@reboot', /five fields/],
    ['60 * * * *', /minute .*beyond 0-59/],
    ['* 24 * * *', /hour .*beyond 0-23/],
    ['* * 0 * *', /day of month .*beyond 1-31/],
    ['* * * 13 *', /month .*beyond 1-12/],
    ['* * * * 8', /day of week .*beyond 0-7/],
    ['*/0 * * * *', /step of 0/],
    ['5-1 * * * *', /backwards/],
    ['a * * * *', /not understood/],
    ['1, * * * *', /not understood/],
    ['1/2/3 * * * *', /not understood/],
  ]
  for (const [cron, why] of refused) {
    test(`'${cron}' is refused, saying where`, () => {
      assert.throws(() => parseCron(cron), { code: 'schedule_invalid', status: 422, message: why })
    })
  }

  test('needs a time zone somebody knows', () => {
    assert.throws(() => openZone('Mars/Olympus'), { code: 'schedule_invalid', status: 422 })
  })
})

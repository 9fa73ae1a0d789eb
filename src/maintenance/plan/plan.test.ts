import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { COMPONENTS, POSTED_MS, STORAGE_UPGRADE_PLAN } from '../testing.ts'
import { type Finding, lintPlan, type Plan, parseDuration, readMoment, readPlan, tooLate } from './index.ts'

const CONTEXT = { nowMs: POSTED_MS, components: COMPONENTS, others: [], incident: 'with-postmortem' } as const

function planOf(text: string): Plan {
  const { plan, findings } = readPlan(text)
  assert.deepEqual(findings, [])
  return plan!
}

/** Everything wrong with the plan after one change of its text. */
function findingsAfter(from: string | RegExp, to: string, context: object = {}): Finding[] {
  const text = STORAGE_UPGRADE_PLAN.replace(from, to)
  assert.notEqual(text, STORAGE_UPGRADE_PLAN, 'the change changes nothing')
  const { plan, findings } = readPlan(text)
  return plan === undefined ? findings : lintPlan(plan, { ...CONTEXT, ...context })
}

const refusals = (findings: Finding[]) => findings.filter(({ level }) => level === 'refuse')

describe('a plan of a maintenance', () => {
  test('is read with every instant computed', () => {
    const plan = planOf(STORAGE_UPGRADE_PLAN)
    assert.equal(new Date(plan.window.opensMs).toISOString(), '2019-10-24T01:00:00.000Z')
    assert.equal(new Date(plan.window.closesMs).toISOString(), '2019-10-24T02:00:00.000Z')
    assert.equal(new Date(plan.operation.startsMs).toISOString(), '2019-10-24T01:15:00.000Z')
    assert.deepEqual(plan.components.get('presto')!.maintenance, { reads: 'stale', writes: 'queued' })
    assert.equal(plan.components.get('jdbc-gateway')!.holdAtMostMs, 120_000)
    assert.deepEqual(plan.hook, { use: 'logical-switch', options: { drainAtMost: 'PT60S' } })
  })

  test('that can be true is refused nothing; what is not offered is pointed out', () => {
    const findings = lintPlan(planOf(STORAGE_UPGRADE_PLAN), CONTEXT)
    assert.deepEqual(refusals(findings), [])
    assert.deepEqual(
      findings.map(({ path }) => path),
      ['components.connectors', 'components.hive', 'components.workflow', 'components.cdp-api'],
    )
  })

  const WRONG: [why: string, from: string | RegExp, to: string, path: string, says: RegExp][] = [
    ['a key nobody knows', 'contact:', 'colour: blue\ncontact:', 'colour', /not known/],
    [
      'a word that is no impact',
      'maintenance: accepted, visibleAfter',
      'maintenance: fine, visibleAfter',
      'components.streaming-import.maintenance',
      /'fine' is none of/,
    ],
    [
      'a component without an impact',
      'cdp-api:          {maintenance: unavailable}',
      'cdp-api: {}',
      'components.cdp-api.maintenance',
      /is missing/,
    ],
    ['a negative length', 'length: PT60M', 'length: -PT60M', 'window.length', /not a length/],
    ['a length of nothing', 'length: PT60M', 'length: PT0S', 'window.length', /longer than nothing/],
    ['a month as a length', 'minimum: P13D', 'minimum: P1M', 'notice.minimum', /not a length/],
    [
      'a zone nobody knows',
      '18:00[America/Los_Angeles]',
      '18:00[America/Los_Angels]',
      'window.opens',
      /zone America\/Los_Angels/,
    ],
    ['a time without a zone', '18:00[America/Los_Angeles]', '18:00', 'window.opens', /names no zone/],
    ['a day that is not in the calendar', '2019-10-23T', '2019-02-30T', 'window.opens', /does not exist/],
    ['an empty title', 'Main database storage upgrade', '""', 'title', /must not be empty/],
    [
      'a title of 300 characters',
      'Main database storage upgrade',
      'x'.repeat(300),
      'title',
      /300 characters/,
    ],
    ['control characters in the title', 'title: Main', 'title: "\\x07"\n#', 'title', /not printed/],
    ['text that turns its direction around', 'Main database', 'Main \u202edatabase', 'title', /direction/],
    ['an id that is no file name', 'id: m-2019', 'id: ../m-2019', 'id', /small letters/],
    ['a hook nobody knows', 'use: logical-switch', 'use: prayer', 'hook.use', /none of logical-switch/],
    ['a key that stands twice', 'region: us', 'region: us\nregion: eu', 'line 4', /unique/i],
    [
      'a recovery faster than usual',
      '<= 3x baseline',
      '<= 0.5x baseline',
      'components.rest-api.recovery.p95',
      /1 or more/,
    ],
  ]
  for (const [why, from, to, path, says] of WRONG) {
    test(`with ${why} is refused at its place`, () => {
      const found = refusals(findingsAfter(from, to))
      assert.equal(found[0]?.path, path, JSON.stringify(found))
      assert.match(found[0].says, says)
    })
  }

  const UNTRUE: [
    why: string,
    from: string | RegExp,
    to: string,
    path: string,
    says: RegExp,
    context?: object,
  ][] = [
    [
      'maintenance and recovery do not fit between its start and its end',
      'maintenanceAtMost: PT15M',
      'maintenanceAtMost: PT31M',
      'operation',
      /46 minutes, the window leaves 45 minutes/,
    ],
    ['the window has passed', '2019-10-23T', '2019-10-03T', 'window.opens', /has passed/],
    ['the window is 400 days long', 'length: PT60M', 'length: P400D', 'window.length', /a day at most/],
    [
      'a component of the region is not named',
      / {2}events:.*\n/,
      '',
      'components',
      /events of us is neither/,
    ],
    [
      'a component of another region is named',
      'unaffected: [status-page]',
      'unaffected: [status-page, eu-presto]',
      'unaffected',
      /eu-presto belongs to eu/,
    ],
    [
      'a component is named twice',
      'unaffected: [status-page]',
      'unaffected: [status-page, events]',
      'unaffected',
      /among components, too/,
    ],
    ['its region is not known', 'region: us', 'region: mars', 'region', /mars is not known/],
    [
      'the incident does not exist',
      'Room',
      'More room',
      'reason.incident',
      /there is no incident/,
      { incident: 'unknown' },
    ],
    [
      'another one of the region is at the same time',
      'Room',
      'More room',
      'window',
      /overlaps with m-other in us/,
      {
        others: [
          {
            id: 'm-other',
            region: 'us',
            window: {
              opensMs: Date.parse('2019-10-24T01:59:00Z'),
              closesMs: Date.parse('2019-10-24T03:00:00Z'),
            },
          },
        ],
      },
    ],
    [
      'a reminder comes before the notice',
      'remind: [PT60M]',
      'remind: [P14D]',
      'notice.remind[0]',
      /earlier than the notice/,
    ],
    [
      'nothing is accepted that could become visible',
      'hive:             {maintenance: delayed,',
      'hive: {maintenance: delayed, visibleAfter: recovery,',
      'components.hive.visibleAfter',
      /nothing is accepted/,
    ],
  ]
  for (const [why, from, to, path, says, context] of UNTRUE) {
    test(`is refused when ${why}`, () => {
      const found = refusals(findingsAfter(from, to, context)).find((one) => one.path === path)
      assert.match(found?.says ?? 'nothing was found', says)
    })
  }

  test('every fault is told at once', () => {
    const found = findingsAfter(/id: .*\nregion: us/, 'id: A B\nregion: 7')
    assert.deepEqual(found.map(({ path }) => path).sort(), ['id', 'region'])
  })

  test('overlaps with one of another region are none of its business', () => {
    const others = [{ id: 'm-other', region: 'eu', window: planOf(STORAGE_UPGRADE_PLAN).window }]
    assert.deepEqual(refusals(lintPlan(planOf(STORAGE_UPGRADE_PLAN), { ...CONTEXT, others })), [])
  })

  test('an incident without a postmortem is pointed out', () => {
    const found = lintPlan(planOf(STORAGE_UPGRADE_PLAN), { ...CONTEXT, incident: 'without-postmortem' })
    assert.ok(found.some(({ level, says }) => level === 'warn' && says.includes('pending')))
  })

  test('may be announced exactly its minimum ahead, and not a minute later', () => {
    const plan = planOf(STORAGE_UPGRADE_PLAN)
    const limitMs = plan.window.opensMs - plan.notice.minimumMs
    assert.equal(tooLate(plan, limitMs), undefined)
    assert.match(tooLate(plan, limitMs + 60_000)!, /12 days 23 hours 59 minutes ahead/)
  })

  test('anchors are refused: they could make a small file large', () => {
    const { findings } = readPlan('id: &a x\nregion: *a')
    assert.match(findings[0]!.says, /aliases/)
  })
})

describe('a local time', () => {
  test('that the clocks skip is refused with both neighbours', () => {
    assert.deepEqual(readMoment('2026-03-08T02:30[America/Los_Angeles]'), {
      kind: 'skipped',
      nearMs: [Date.parse('2026-03-08T09:30:00Z'), Date.parse('2026-03-08T10:30:00Z')],
    })
  })

  test('that the clocks show twice is refused with both candidates, and taken with an offset', () => {
    const candidatesMs = [Date.parse('2026-11-01T08:30:00Z'), Date.parse('2026-11-01T09:30:00Z')]
    assert.deepEqual(readMoment('2026-11-01T01:30[America/Los_Angeles]'), { kind: 'twice', candidatesMs })
    assert.deepEqual(readMoment('2026-11-01T01:30-07:00[America/Los_Angeles]'), {
      kind: 'moment',
      ms: candidatesMs[0],
    })
  })

  test('with an offset the zone does not have then is refused', () => {
    assert.equal(readMoment('2019-10-23T18:00-08:00[America/Los_Angeles]').kind, 'wrong')
  })

  test('may be an instant without a zone', () => {
    assert.deepEqual(readMoment('2026-03-11T18:00Z'), { kind: 'moment', ms: Date.parse('2026-03-11T18:00Z') })
    assert.deepEqual(readMoment('2026-03-11T18:00+05:30'), {
      kind: 'moment',
      ms: Date.parse('2026-03-11T12:30Z'),
    })
  })
})

describe('a length of time', () => {
  const LENGTHS: [string, number | undefined][] = [
    ['PT15M', 900_000],
    ['+PT15M', 900_000],
    ['P13D', 1_123_200_000],
    ['P1W', 604_800_000],
    ['PT1H30M', 5_400_000],
    ['PT0.5S', 500],
    ['P1DT1S', 86_401_000],
    ['P', undefined],
    ['PT', undefined],
    ['P1DT', undefined],
    ['P1M', undefined],
    ['15M', undefined],
    ['-PT15M', undefined],
    ['PT1.5H', undefined],
  ]
  for (const [text, ms] of LENGTHS) {
    test(`${text} is ${ms === undefined ? 'none' : `${ms} ms`}`, () => assert.equal(parseDuration(text), ms))
  }
})

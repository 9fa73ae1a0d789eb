import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Plan, readPlan } from '../plan/index.ts'
import { COMPONENTS, STORAGE_UPGRADE_PLAN } from '../testing.ts'
import { checkNoticeText, clockTime, noticeHtml, noticeOf, noticeText } from './index.ts'

const CONTEXT = { components: COMPONENTS, statusUrl: 'https://status.example.org' }
const planWith = (from = '', to = ''): Plan => readPlan(STORAGE_UPGRADE_PLAN.replace(from, to)).plan!
const notice = noticeOf(planWith(), CONTEXT)
const text = noticeText(notice)

describe('the notice of a maintenance', () => {
  test('says first whom it concerns and whom it does not', () => {
    const [heading, who] = text.split('\n\n')
    assert.equal(heading, 'US: Main database storage upgrade')
    assert.match(who!, /^Who is affected\n {2}Only the region us:/)
    assert.match(who!, /Not affected: the regions tokyo and eu\./)
    assert.match(who!, /Not affected in us: Status Page\./)
  })

  test('gives window, start and both ends in every zone, with the date where it is another one', () => {
    assert.match(text, /Los Angeles, Wed 23 Oct 2019\n.*window +18:00–19:00 PDT \(UTC−7\)/)
    assert.match(text, /operation starts +18:15 PDT/)
    assert.match(
      text,
      /Tokyo, Thu 24 Oct 2019\n.*window +10:00–11:00 JST \(UTC\+9\)\n.*operation starts +10:15 JST/,
    )
    assert.doesNotMatch(text, /PST/)
  })

  test('says a date again when midnight lies between', () => {
    const late = noticeText(noticeOf(planWith('T18:00[', 'T23:30['), CONTEXT))
    assert.match(late, /window +23:30–00:30 PDT \(UTC−7\), Thu 24 Oct 2019/)
    assert.match(late, /operation starts +23:45 PDT\n/)
    assert.match(late, /database back by +00:00 PDT, Thu 24 Oct 2019/)
  })

  test('has an impact for every component that is offered, and promises nothing for others', () => {
    for (const { name, offered, region } of COMPONENTS) {
      if (region !== 'us' || name === 'Status Page') continue
      const [, line = ''] = new RegExp(`^  ${name}: ([^.]*(?:\\n {4}[^.]*)*)\\.`, 'm').exec(text) ?? []
      assert.notEqual(line, '', `nothing is said of ${name}`)
      assert.equal(line.includes('not offered'), !offered, name)
    }
  })

  test('names the incident behind it, and a postmortem that is still to come', () => {
    assert.match(text, /incidents\/inc-2019-09-04-job-submission \(postmortem pending\)/)
    const known = noticeText(noticeOf(planWith(), { ...CONTEXT, hasPostmortem: true }))
    assert.doesNotMatch(known, /pending/)
  })

  test('lists the updates that will follow and the contact', () => {
    assert.deepEqual(notice.updates[0], '1 hour before the window opens')
    assert.match(
      text,
      /Questions\n {2}support@example\.org\n {2}https:\/\/status\.example\.org\/maintenances\/m-2019/,
    )
  })

  test('passes its own check', () => {
    assert.deepEqual(
      checkNoticeText(
        text,
        COMPONENTS.map(({ name }) => name),
      ),
      [],
    )
  })

  test('is inert in HTML, whatever the plan says', () => {
    const html = noticeHtml(noticeOf(planWith('Main database', '"<script>alert(1)</script>" #'), CONTEXT))
    assert.doesNotMatch(html, /<script/)
    assert.match(html, /&lt;script&gt;/)
    assert.match(
      html,
      /<time datetime="2019-10-24T01:15:00.000Z">18:15 PDT \(UTC−7\), Wed 23 Oct 2019<\/time>/,
    )
  })

  test('says publicly what a small installation is not prepared for', () => {
    const small = noticeText(noticeOf(planWith('contact:', 'profile: laptop\ncontact:'), CONTEXT))
    assert.match(small, /runs on one machine/)
  })

  test('has the worst of its words as the state of a component', () => {
    const statuses = Object.fromEntries(notice.components.map(({ id, status }) => [id, status]))
    assert.equal(statuses['rest-api'], 'partial_outage')
    assert.equal(statuses['streaming-import'], 'operational')
    assert.equal(statuses.presto, 'degraded_performance')
  })
})

describe('a notice written by hand', () => {
  const BY_HAND = `Scheduled database maintenance, Oct 23, 18:00 - 19:00
We will start at Oct 23 18:15 PST / Oct 24 10:15 JST.
The REST API will answer with 500.

Affected components: REST API, CDP API
`
  test('is checked for clocks that contradict each other, times without a name, and components left out', () => {
    assert.deepEqual(checkNoticeText(BY_HAND, ['REST API', 'CDP API']), [
      '18:15 PST is 11:15 JST, the text says 10:15 JST',
      'the window begins at 18:00 and something starts at 18:15; the text does not say what is what',
      'CDP API is listed as affected and no impact is given for it',
    ])
  })

  test('passes when it is right', () => {
    const right = BY_HAND.replace('PST', 'PDT').replace('18:00 - 19:00', '18:00 - 19:00 (window)')
    assert.deepEqual(checkNoticeText(right, ['REST API']), [])
  })
})

describe('the clocks of a zone', () => {
  const CASES: [instant: string, zone: string, said: string][] = [
    ['2026-03-12T01:15:00Z', 'America/Los_Angeles', '18:15 PDT UTC−7 Wed 11 Mar 2026'],
    ['2026-01-12T02:15:00Z', 'America/Los_Angeles', '18:15 PST UTC−8 Sun 11 Jan 2026'],
    ['2026-07-01T00:00:00Z', 'Europe/London', '01:00 BST UTC+1 Wed 1 Jul 2026'],
    ['2026-01-01T00:00:00Z', 'Europe/London', '00:00 GMT UTC Thu 1 Jan 2026'],
    ['2026-01-01T00:00:00Z', 'Australia/Sydney', '11:00 AEDT UTC+11 Thu 1 Jan 2026'],
    ['2026-07-01T00:00:00Z', 'Asia/Kathmandu', '05:45 undefined UTC+5:45 Wed 1 Jul 2026'],
  ]
  for (const [instant, zone, said] of CASES) {
    test(`${instant} in ${zone} is ${said}`, () => {
      const { date, time, label, offset } = clockTime(Date.parse(instant), zone)
      assert.equal(`${time} ${label} ${offset} ${date}`, said)
    })
  }
})

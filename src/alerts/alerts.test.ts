import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { describe, test } from 'node:test'
import { duration, subjectOf, textOf, webhookBody } from './message.ts'
import { ruleParameters } from './parameters.ts'
import { isPrivateAddress } from './private-address.ts'
import { isSigningKey, newSigningKey, signedHeaders } from './sign.ts'
import type { AlertMessage, OwedAlert } from './types.ts'
import { requireWebhookUrl } from './webhook.ts'

const anAlert = (change: Partial<OwedAlert> = {}): OwedAlert => ({
  id: 1n,
  event: 'failed',
  scheduleId: 7n,
  scheduleName: 'daily total',
  jobId: 19n,
  scheduledAt: new Date('2024-05-01T00:00:00Z'),
  lateSeconds: 0,
  errorName: 'TABLE_NOT_FOUND',
  errorMessage: 'Table orders does not exist',
  ...change,
})
const aMessage = (alerts: OwedAlert[], total = alerts.length): AlertMessage => ({
  id: 3n,
  key: 'abc',
  accountId: 1n,
  createdAt: new Date('2024-05-01T00:01:00Z'),
  attempts: 1,
  channel: 'email',
  address: 'ann@example.com',
  label: 'ann@example.com',
  secret: null,
  total,
  counts: Object.fromEntries(
    Map.groupBy(alerts, ({ event }) => event)
      .entries()
      .map(([event, of]) => [event, of.length]),
  ),
  alerts,
})

describe('a message about runs', () => {
  test('says of one run what, when, why and where to look', () => {
    const message = aMessage([anAlert()])
    assert.equal(subjectOf(message), "Schedule 'daily total' failed")
    assert.equal(
      textOf(message, 'https://example.org'),
      [
        "Schedule 'daily total' failed.",
        '',
        'daily total failed',
        '  slot:  2024-05-01T00:00:00Z',
        '  error: TABLE_NOT_FOUND Table orders does not exist',
        '  job:   19  https://example.org/jobs/19',
        '',
        'Message msg_abc',
        '',
      ].join('\n'),
    )
  })

  test('of many runs counts them, and says how many it does not name', () => {
    const late = anAlert({ event: 'late', lateSeconds: 7_380, errorName: null, errorMessage: null })
    const message = aMessage([anAlert(), late, { ...late, scheduleName: 'hourly' }], 40)
    assert.equal(subjectOf(message), '40 alerts: 1 failed, 2 late of 2 or more schedules')
    const text = textOf(message, '')
    assert.match(text, / {2}late: {2}2 h 3 min/)
    assert.match(text, /… and 37 more\./)
  })

  test('is JSON for a webhook, numbers of 64 bits as text', () => {
    const body = JSON.parse(webhookBody(aMessage([anAlert()]), 'https://example.org'))
    assert.deepEqual(body, {
      type: 'schedule.alerts',
      id: 'msg_abc',
      created_at: '2024-05-01T00:01:00Z',
      account_id: '1',
      text: "Schedule 'daily total' failed",
      total: 1,
      counts: { failed: 1 },
      alerts: [
        {
          id: '1',
          event: 'failed',
          schedule: { id: '7', name: 'daily total' },
          job: { id: '19', url: 'https://example.org/jobs/19' },
          scheduled_at: '2024-05-01T00:00:00Z',
          late_seconds: null,
          error: { name: 'TABLE_NOT_FOUND', message: 'Table orders does not exist' },
        },
      ],
    })
  })

  test('names the two largest units of a time', () => {
    const told = [0, 45, 60, 3_599, 7_380, 86_400, 90_061].map(duration)
    assert.deepEqual(told, ['0 s', '45 s', '1 min', '59 min 59 s', '2 h 3 min', '1 d', '1 d 1 h'])
  })
})

describe('the signature of a webhook', () => {
  // The example of the specification's own reference libraries (standard-webhooks/standard-webhooks, libraries/*/tests).
  test('is the one that Standard Webhooks prescribes', () => {
    const headers = signedHeaders('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', {
      id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      at: new Date(1_614_265_330_000),
      body: '{"test": 2432232314}',
    })
    assert.deepEqual(headers, {
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    })
  })

  test('has a key of 32 random bytes, which can be given as well', () => {
    const key = newSigningKey()
    assert.ok(isSigningKey(key))
    const bytes = Buffer.from(key.slice('whsec_'.length), 'base64')
    assert.equal(bytes.length, 32)
    const [, signature] = signedHeaders(key, { id: 'a', at: new Date(0), body: 'b' })[
      'webhook-signature'
    ]!.split(',')
    assert.equal(signature, createHmac('sha256', bytes).update('a.0.b').digest('base64'))
    for (const wrong of ['', 'secret', 'whsec_', 'whsec_c2hvcnQ=', `whsec_${'A'.repeat(200)}`, 'whsec_***'])
      assert.equal(isSigningKey(wrong), false, wrong)
  })
})

describe('a private address', () => {
  const isPrivate = [
    '127.0.0.1',
    '10.1.2.3',
    '172.31.255.255',
    '192.168.0.1',
    '169.254.169.254',
    '100.64.0.1',
    '0.0.0.0',
    '224.0.0.1',
    '255.255.255.255',
    '::1',
    '::',
    'fe80::1',
    'fe80::1%eth0',
    'fc00::1',
    'fd12:3456::1',
    'ff02::1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '::ffff:a00:0',
    '64:ff9b::10.0.0.1',
    '64:ff9b::a00:1',
    '2001:db8::1',
    '2002:7f00:1::',
    'not an address',
  ]
  const isPublic = [
    '8.8.8.8',
    '172.32.0.1',
    '192.169.0.1',
    '100.128.0.1',
    '2606:4700::1111',
    '::ffff:8.8.8.8',
    '64:ff9b::808:808',
  ]
  test('is told from a public one, also where one family hides in the other', () => {
    assert.deepEqual(
      isPrivate.filter((address) => !isPrivateAddress(address)),
      [],
    )
    assert.deepEqual(
      isPublic.filter((address) => isPrivateAddress(address)),
      [],
    )
  })

  test('is no place for a webhook, unless the server allows it', () => {
    const refused = [
      'http://example.org/',
      'https://localhost/',
      'https://api.localhost./',
      'https://127.0.0.1/',
      'https://2130706433/',
      'https://0x7f.1/',
      'https://[::1]/',
      'https://[::ffff:10.0.0.1]/',
      'https://user:word@example.org/',
      'ftp://example.org/',
      'no url',
    ]
    for (const url of refused)
      assert.throws(
        () => requireWebhookUrl(url, { allowPrivate: false }),
        { code: 'webhook_refused', status: 422 },
        url,
      )
    assert.ok(requireWebhookUrl('https://example.org/hook', { allowPrivate: false }))
    assert.ok(requireWebhookUrl('http://10.0.0.1/hook', { allowPrivate: true }))
  })
})

describe('a rule', () => {
  const limits = { sendsEmail: true, emailDomains: [], allowPrivate: false }

  test('tells of failed and late runs unless it says otherwise', () => {
    assert.deepEqual(ruleParameters({ emails: 'Ann@example.com, bob@example.com' }, limits), {
      events: ['failed', 'late'],
      lateAfterSeconds: 900,
      emails: ['ann@example.com', 'bob@example.com'],
      webhook: undefined,
    })
    assert.deepEqual(ruleParameters({ on: [] }, limits).events, [])
  })

  const refused: [what: string, parameters: Record<string, unknown>, change: object, code: string][] = [
    ['nobody to tell', {}, {}, 'alert_invalid'],
    ['an unknown event', { on: 'success', emails: 'a@b.c' }, {}, 'alert_invalid'],
    ['what is no address', { emails: 'ann' }, {}, 'alert_invalid'],
    ['a second address inside one', { emails: ['a@b.c>, <d@e.f'] }, {}, 'alert_invalid'],
    ['a header inside an address', { emails: ['a@b.c\r\nbcc: d@e.f'] }, {}, 'alert_invalid'],
    ['a list that holds no texts', { emails: [1] }, {}, 'alert_invalid'],
    ['a foreign domain', { emails: 'a@b.c' }, { emailDomains: ['example.org'] }, 'alert_invalid'],
    ['e-mail where none is sent', { emails: 'a@b.c' }, { sendsEmail: false }, 'email_off'],
    ['a weak key', { webhook_url: 'https://example.org', webhook_secret: 'x' }, {}, 'alert_invalid'],
    ['a lateness of seconds', { emails: 'a@b.c', late_after_seconds: 1 }, {}, 'bad_request'],
  ]
  for (const [what, parameters, change, code] of refused) {
    test(`is refused with ${what}`, () => {
      assert.throws(() => ruleParameters(parameters, { ...limits, ...change }), { code })
    })
  }
})

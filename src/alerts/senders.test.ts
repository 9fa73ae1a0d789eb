import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { systemClock } from '../kernel/index.ts'
import { selfSignedCertificate } from '../server/self-signed.ts'
import { createEmailSender } from './email.ts'
import { startMailServer, startReceiver } from './testing-receivers.ts'
import { createWebhookSender } from './webhook.ts'

const MAIL = {
  id: 'msg_1',
  to: 'ann@example.com',
  subject: 'Schedule ‘x’ failed\r\nBcc: eve@example.com',
  text: 'Hello',
}

describe('an alert by e-mail', () => {
  const { certificatePem: cert, keyPem: key } = selfSignedCertificate({
    hosts: ['localhost', '127.0.0.1'],
    from: new Date(Date.now() - 60_000),
    days: 1,
  })
  let plain: Awaited<ReturnType<typeof startMailServer>>
  let encrypted: Awaited<ReturnType<typeof startMailServer>>
  before(async () => {
    plain = await startMailServer()
    encrypted = await startMailServer({ cert, key, authOptional: false })
  })
  after(async () => {
    await plain.stop()
    await encrypted.stop()
  })
  const settings = (smtpPort: number, change: object = {}) => ({
    smtpHost: 'localhost',
    smtpPort,
    smtpTls: 'starttls',
    smtpUser: undefined,
    smtpPassword: undefined,
    sender: 'Millrace <millrace@example.org>',
    ...change,
  })

  test('is handed over once the connection is encrypted and logged in, under an id that stays', async () => {
    const login = { smtpUser: 'millrace', smtpPassword: 'secret' }
    await createEmailSender(settings(encrypted.port, login), { ca: cert })!(MAIL)
    const [mail] = encrypted.mails
    assert.deepEqual(
      [mail!.secure, mail!.user, mail!.from, mail!.to],
      [true, 'millrace', 'millrace@example.org', ['ann@example.com']],
    )
    assert.match(mail!.text, /^Message-ID: <msg_1@example.org>$/im)
    assert.match(mail!.text, /^Auto-Submitted: auto-generated$/im)
    assert.doesNotMatch(mail!.text, /^Bcc:/im)
  })

  test('is not sent in the clear where encryption is asked for', async () => {
    await assert.rejects(createEmailSender(settings(plain.port))!(MAIL), /STARTTLS/)
    assert.equal(plain.mails.length, 0)
  })

  test('is not given to a server whose certificate nobody vouches for', async () => {
    const before = encrypted.mails.length
    await assert.rejects(createEmailSender(settings(encrypted.port))!(MAIL), /self-signed certificate/)
    assert.equal(encrypted.mails.length, before)
  })

  test('fails with what the server says', async () => {
    const send = createEmailSender(settings(plain.port, { smtpTls: 'off' }))!
    plain.state.refuse = true
    await assert.rejects(send(MAIL), /451 not now/)
    plain.state.refuse = false
    await send(MAIL)
    assert.equal(plain.mails.length, 1)
  })

  test('is not offered without a server', () => {
    assert.equal(createEmailSender(settings(25, { smtpHost: undefined })), undefined)
  })
})

describe('an alert by webhook', () => {
  const key = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
  const message = { id: 'msg_1', body: '{"text":"ünicode"}' }
  let receiver: Awaited<ReturnType<typeof startReceiver>>
  before(async () => {
    receiver = await startReceiver()
  })
  after(() => receiver.stop())
  const sender = (change: { allowPrivate?: boolean; timeoutMs?: number } = {}) =>
    createWebhookSender({ clock: systemClock, allowPrivate: true, version: '1', ...change })

  test('is posted whole, with a signature over id, time and body', async () => {
    await sender()({ url: `${receiver.url}/hook?a=b`, key }, message)
    const { path, headers, body } = receiver.calls.at(-1)!
    assert.deepEqual([path, body, headers['webhook-id']], ['/hook?a=b', message.body, 'msg_1'])
    const signed = `msg_1.${headers['webhook-timestamp']}.${message.body}`
    const expected = createHmac('sha256', Buffer.alloc(32, 7)).update(signed).digest('base64')
    assert.equal(headers['webhook-signature'], `v1,${expected}`)
    assert.ok(Math.abs(Number(headers['webhook-timestamp']) - Date.now() / 1000) < 60)
  })

  const failures: [what: string, answer: number | 'silence' | 'cut', reason: RegExp][] = [
    ['an error', 500, /answered 500/],
    ['a refusal', 410, /answered 410/],
    ['a redirect, which is not followed', 302, /answered 302/],
    ['silence', 'silence', /no answer within 0.2 s/],
    ['a connection that breaks', 'cut', /socket hang up|ECONNRESET/],
  ]
  for (const [what, answer, reason] of failures) {
    test(`has not arrived after ${what}`, async () => {
      const before = receiver.calls.length
      receiver.statuses.push(answer)
      await assert.rejects(sender({ timeoutMs: 200 })({ url: receiver.url, key }, message), reason)
      assert.equal(receiver.calls.length, before + 1)
    })
  }

  test('does not reach a private address by a name that leads there, whatever was looked up before', async () => {
    const before = receiver.calls.length
    const url = receiver.url.replace('http://127.0.0.1', 'https://hooks.example.org')
    const common = { clock: systemClock, allowPrivate: false, version: '1' }
    const send = createWebhookSender({
      ...common,
      resolve: async () => [
        { address: '127.0.0.1', family: 4 },
        { address: '::ffff:127.0.0.1', family: 6 },
      ],
    })
    await assert.rejects(
      send({ url, key }, message),
      /hooks.example.org leads to 127.0.0.1, which is a private/,
    )
    assert.equal(receiver.calls.length, before)
  })
})

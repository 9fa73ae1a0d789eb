import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { createServer, get } from 'node:https'
import type { AddressInfo } from 'node:net'
import { describe, test } from 'node:test'
import { selfSignedCertificate } from './self-signed.ts'

const aYearFrom = new Date('2026-11-22T00:00:00Z')
const make = () =>
  selfSignedCertificate({ hosts: ['localhost', '127.0.0.1', '::1'], from: aYearFrom, days: 365 })

describe('a self-signed certificate', () => {
  test('names its hosts, its own issuer and its time', () => {
    const certificate = new X509Certificate(make().certificatePem)
    assert.equal(certificate.subject, 'CN=localhost')
    assert.equal(
      certificate.subjectAltName,
      'DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1',
    )
    assert.equal(certificate.validToDate.toISOString(), '2027-11-22T00:00:00.000Z')
    assert.ok(certificate.verify(certificate.publicKey))
    assert.ok(certificate.checkHost('localhost'))
  })

  test('lets a client that trusts it in, over TLS', async () => {
    const { certificatePem, keyPem } = selfSignedCertificate({
      hosts: ['localhost'],
      from: new Date(),
      days: 2,
    })
    const server = createServer({ cert: certificatePem, key: keyPem }, (_request, response) =>
      response.end('hello'),
    )
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    try {
      const status = await new Promise((resolve, reject) => {
        get({ host: '127.0.0.1', port, servername: 'localhost', ca: certificatePem }, (response) => {
          response.resume()
          resolve(response.statusCode)
        }).on('error', reject)
      })
      assert.equal(status, 200)
    } finally {
      server.close()
      server.closeAllConnections()
    }
  })
})

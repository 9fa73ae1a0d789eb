import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { describe, test } from 'node:test'
import { holdSocket } from './listeners.ts'

describe('a held socket', () => {
  test('takes a free port and says which', async () => {
    const socket = await holdSocket('127.0.0.1', 0)
    assert.ok(socket.port > 0)
    socket.close()
  })

  test('takes a name for its address', async () => {
    const socket = await holdSocket('localhost', 0)
    assert.ok(socket.port > 0)
    socket.close()
  })

  test('refuses a port somebody listens on, instead of a random one later', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    await assert.rejects(holdSocket('127.0.0.1', port), { code: 'port_taken', message: /EADDRINUSE/ })
    other.close()
  })

  test('refuses an address this machine does not have', async () => {
    await assert.rejects(holdSocket('192.0.2.1', 0), { code: 'port_taken', message: /EADDRNOTAVAIL/ })
  })
})

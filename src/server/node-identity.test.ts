import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { randomIds } from '../kernel/index.ts'
import { catalogSpoolName, nodeIdentity } from './node-identity.ts'

describe('the identity of a data directory', () => {
  let dataDir: string
  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'millrace-node-'))
    mkdirSync(join(dataDir, 'spool'))
  })
  afterEach(() => rmSync(dataDir, { recursive: true, force: true }))

  test('is made once and stays', () => {
    const node = nodeIdentity(dataDir, randomIds)
    assert.match(node, /^[0-9a-f]{12}$/)
    mkdirSync(join(dataDir, 'spool', 'ingest-0'))
    assert.equal(nodeIdentity(dataDir, randomIds), node)
    assert.equal(catalogSpoolName(node, 'ingest-0'), `${node}-ingest-0`)
  })

  test('is another for another directory, so that a spool that begins anew inherits no position', () => {
    const first = nodeIdentity(dataDir, randomIds)
    rmSync(join(dataDir, 'node.json'))
    assert.notEqual(nodeIdentity(dataDir, randomIds), first)
  })

  test('is empty where spools were filed under their plain names before', () => {
    mkdirSync(join(dataDir, 'spool', 'ingest-0'))
    assert.equal(nodeIdentity(dataDir, randomIds), '')
    assert.equal(nodeIdentity(dataDir, randomIds), '')
    assert.equal(catalogSpoolName('', 'ingest-0'), 'ingest-0')
  })

  test('comes back from the second disk, and a second disk of another node is refused', () => {
    const second = join(dataDir, 'disk2')
    const node = nodeIdentity(dataDir, randomIds, second)
    rmSync(join(dataDir, 'node.json'))
    assert.equal(nodeIdentity(dataDir, randomIds, second), node)
    writeFileSync(join(second, 'node.json'), '{"format":1,"node":"0123456789ab"}')
    assert.throws(() => nodeIdentity(dataDir, randomIds, second), { code: 'data_directory_unusable' })
  })

  test('a second disk that is not mounted is refused; a new one is taken when the operator says so', () => {
    const second = join(dataDir, 'disk2')
    const node = nodeIdentity(dataDir, randomIds, second)
    rmSync(second, { recursive: true })
    assert.throws(() => nodeIdentity(dataDir, randomIds, second), /is it mounted\?/)
    mkdirSync(second)
    writeFileSync(join(second, 'new-disk'), '')
    assert.equal(nodeIdentity(dataDir, randomIds, second), node)
    assert.equal(nodeIdentity(dataDir, randomIds, second), node)
  })

  test('of a kind from the future is refused', () => {
    writeFileSync(join(dataDir, 'node.json'), '{"format":2,"node":{}}')
    assert.throws(() => nodeIdentity(dataDir, randomIds), { code: 'data_directory_unusable' })
  })
})

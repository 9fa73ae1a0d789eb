import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { encode } from '@msgpack/msgpack'
import { startServer, type TestServer } from '../support/server.ts'
import { missingJava, withRetries } from './java-support.ts'

const project = 'test/clients/java'
describe('td-client-java', { skip: missingJava() }, () => {
  let server: TestServer
  let work: string
  before(async () => {
    work = mkdtempSync(join(tmpdir(), 'millrace-java-'))
    server = await startServer()
  })
  after(async () => {
    await server?.stop()
    server?.remove()
    rmSync(work, { recursive: true, force: true })
  })

  test('creates, imports twice under one id, queries, downloads, renames, imports in bulk and deletes', () => {
    const classPathFile = join(work, 'classpath')
    withRetries(() =>
      execFileSync(
        'mvn',
        ['-q', '-B', '-f', project, 'dependency:build-classpath', `-Dmdep.outputFile=${classPathFile}`],
        { stdio: 'pipe' },
      ),
    )
    const classPath = readFileSync(classPathFile, 'utf8')
    execFileSync(
      'javac',
      ['-nowarn', '-d', work, '-cp', classPath, `${project}/src/main/java/millrace/Walk.java`],
      { stdio: 'pipe' },
    )
    const boats = [
      { time: 1_700_000_000, name: 'sloop', length: 9.25 },
      { time: 1_700_000_001, name: 'dinghy', length: 3.5 },
      { time: 1_700_000_002, name: 'schooner', length: 31.5 },
    ].map((boat) => encode(boat))
    const file = join(work, 'boats.msgpack.gz')
    writeFileSync(file, gzipSync(Buffer.concat(boats)))
    const faulty = join(work, 'faulty.msgpack.gz')
    writeFileSync(faulty, gzipSync(Buffer.concat([boats[0]!, encode({ name: 'a boat of no time' })])))
    const { hostname, port } = new URL(server.url)
    const output = execFileSync(
      'java',
      ['-cp', `${work}:${classPath}`, 'millrace.Walk', hostname, port, server.apiKey, file, faulty],
      {
        encoding: 'utf8',
        timeout: 120_000,
      },
    )
    assert.match(output, /walked/)
  })
})

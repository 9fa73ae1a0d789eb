import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { encode } from '@msgpack/msgpack'
import { startServer, type TestServer } from '../support/server.ts'

const project = 'test/clients/java'
const isHere = (command: string, flag: string) => {
  try {
    execFileSync(command, [flag], { stdio: 'ignore' })
    return true
  } catch {
    // Not installed: the caller says so as the reason of the skip.
    return false
  }
}
const missing = [isHere('javac', '-version') ? '' : 'a JDK', isHere('mvn', '-v') ? '' : 'Maven'].filter(
  (name) => name !== '',
)

describe('td-client-java', {
  skip:
    missing.length > 0 && process.env.REQUIRE_CLIENTS !== '1'
      ? `${missing.join(' and ')} not installed`
      : false,
}, () => {
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

  test('creates, imports twice under one id, queries, downloads, renames and deletes', () => {
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
    const { hostname, port } = new URL(server.url)
    const output = execFileSync(
      'java',
      ['-cp', `${work}:${classPath}`, 'millrace.Walk', hostname, port, server.apiKey, file],
      {
        encoding: 'utf8',
        timeout: 120_000,
      },
    )
    assert.match(output, /walked/)
  })
})

/** Maven Central is asked over the network; a passing fault is no failure of ours. */
function withRetries<T>(action: () => T): T {
  for (let attempt = 1; ; attempt++) {
    try {
      return action()
    } catch (error) {
      if (attempt === 3) throw error
      console.error(`attempt ${attempt} failed: ${(error as Error).message}`)
    }
  }
}

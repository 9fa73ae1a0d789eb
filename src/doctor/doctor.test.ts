import assert from 'node:assert/strict'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { UNFINISHED } from '../backup/index.ts'
import { writeGateFile } from '../gate/file.ts'
import { servingState } from '../gate/index.ts'
import { silentLog, systemClock } from '../kernel/index.ts'
import { selfSignedCertificate } from '../server/self-signed.ts'
import { openSpoolWriter, readSpoolSettings } from '../spool/index.ts'
import { findingsOf } from './database.ts'
import { CHECKS, examine, type Machine, verdictOf, type Wanted, type World } from './index.ts'
import { thisMachine } from './this-machine.ts'

const room = mkdtempSync(join(tmpdir(), 'millrace-doctor-'))
after(() => rmSync(room, { recursive: true, force: true }))
const NOW = new Date('2026-11-22T12:00:00Z')

const MACHINE: Machine = {
  ...thisMachine,
  memoryBytes: () => 16 * 2 ** 30,
  openFiles: () => 65_536,
  diskOf: async () => ({ freeBytes: 1e12, freeInodes: 1e6, kind: 0xef53 }),
  hasTimeZones: () => true,
}
const WANTED: Wanted = {
  host: '127.0.0.1',
  port: 0,
  gatewayPort: 0,
  adminPort: 0,
  databaseUrl: undefined,
  tls: undefined,
  isSelfSigned: false,
  plainHttp: false,
  publicUrl: undefined,
  objectsDir: undefined,
  disk: {
    tempFreeBytes: 4e9,
    resultsFreeBytes: 3e9,
    compactionFreeBytes: 2e9,
    importsFreeBytes: 1e9,
    reserveBytes: 0,
  },
  memoryBytes: 4 * 2 ** 30,
  connections: 30,
}

function dataDir(): string {
  const directory = mkdtempSync(join(room, 'data-'))
  for (const name of ['spool', 'objects', 'snapshot']) mkdirSync(join(directory, name))
  return directory
}

function worldOf({
  wanted = {},
  machine = {},
  ...changes
}: Partial<Omit<World, 'wanted' | 'machine'>> & {
  wanted?: Partial<Wanted>
  machine?: Partial<Machine>
} = {}): World {
  return {
    env: {},
    dataDir: dataDir(),
    wanted: { ...WANTED, ...wanted },
    knownVariables: ['MILLRACE_PORT', 'MILLRACE_WORKER_PROCESSES'],
    holder: { verdict: 'none', pid: 0, host: '' },
    run: undefined,
    machine: { ...MACHINE, ...machine },
    clock: systemClock,
    log: silentLog,
    ...changes,
  }
}

/** What is found, as `check: message`, each with its meaning and advice. */
async function found(world: World): Promise<string[]> {
  const examined = await examine(world)
  return examined.flatMap(({ name, findings }) =>
    findings.map(({ severity, message, means, advice }) => {
      assert.ok(means.length > 10 && advice.length > 10, `${message} has no meaning or no advice`)
      return `${severity} ${name}: ${message}`
    }),
  )
}

/** Exactly this one fault is found in the world, and nothing else. */
async function finds(pattern: RegExp, world: World): Promise<void> {
  const all = await found(world)
  assert.equal(all.length, 1, all.join('\n') || `nothing was found, not ${pattern}`)
  assert.match(all[0]!, pattern)
}

const views = (changes: object) => [
  { name: 'database-gate', state: 'serving (epoch 1)', ready: true, restarts: 0 },
  { name: 'core-0', state: 'running', ready: true, restarts: 0 },
  { name: 'worker-0', state: 'running', ready: true, restarts: 0, ...changes },
]
const running = (processes: () => Promise<ReturnType<typeof views>>) => ({
  holder: { verdict: 'alive' as const, pid: 1, host: 'here' },
  run: { pid: 1, url: 'http://127.0.0.1:1', processes },
})

describe('the doctor', () => {
  test('finds nothing where nothing is wrong, whether it runs or not', async () => {
    assert.deepEqual(await found(worldOf()), [])
    assert.deepEqual(await found(worldOf(running(async () => views({})))), [])
    assert.ok(CHECKS.length >= 15)
  })

  test('tells sound from warnings, errors and what could not be looked at', async () => {
    const check = (severity: 'error' | 'warning' | 'unknown') => ({
      name: 'x',
      looks: 'x',
      findings: [{ severity, message: 'm', means: 'm', advice: 'a' }],
    })
    assert.equal(verdictOf([]), 0)
    assert.equal(verdictOf([check('warning')]), 1)
    assert.equal(verdictOf([check('unknown')]), 1)
    assert.equal(verdictOf([check('unknown'), check('error')]), 2)
    const failing = { name: 'y', looks: 'y', look: () => Promise.reject(new Error('EACCES')) }
    const [examined] = await examine(worldOf(), [failing])
    assert.equal(examined!.findings[0]!.severity, 'unknown')
  })
})

describe('of the settings the doctor finds', () => {
  test('names that are misspelt, with what was meant', async () => {
    await finds(
      /warning settings: MILLRACE_PROT is no setting; did you mean MILLRACE_PORT\?/,
      worldOf({ env: { MILLRACE_PROT: '1', PATH: '/' } }),
    )
    await finds(/MILLRACE_SHOE_SIZE is no setting$/, worldOf({ env: { MILLRACE_SHOE_SIZE: '1' } }))
  })
  test('values of the wrong form', async () => {
    const world = { ...worldOf(), wanted: { fault: 'invalid setting: MILLRACE_PORT=x' } }
    await finds(/error settings: invalid setting: MILLRACE_PORT=x/, world)
  })
})

describe('of the data directory the doctor finds', () => {
  test('that it is not there', async () => {
    await finds(/error data-directory: .* does not exist/, worldOf({ dataDir: join(room, 'missing') }))
  })
  test('that it belongs to another user', async () => {
    await finds(
      /error data-directory: .* belongs to user \d+, and this is user 4711/,
      worldOf({ machine: { uid: 4711 } }),
    )
  })
  test('that it cannot be written to', {
    skip: process.getuid?.() === 0 && 'root may write everywhere',
  }, async () => {
    const world = worldOf()
    chmodSync(world.dataDir, 0o500)
    await finds(/error data-directory: nothing can be written/, world)
  })
  test('an unfinished restore, and leaves nothing behind itself', async () => {
    const world = worldOf()
    writeFileSync(join(world.dataDir, UNFINISHED), '')
    const before = readdirSync(world.dataDir)
    await finds(/error data-directory: a backup was being restored/, world)
    assert.deepEqual(readdirSync(world.dataDir), before)
  })
  test('a lock that a killed process left, and one that another machine holds', async () => {
    await finds(
      /warning lock: the lock of process 7 is left/,
      worldOf({ holder: { verdict: 'gone', pid: 7, host: 'here' } }),
    )
    await finds(
      /error lock: process 7 on the machine there holds it/,
      worldOf({ holder: { verdict: 'elsewhere', pid: 7, host: 'there' } }),
    )
  })
  test('a lock that this user may not read, and calls it unknown', async () => {
    await finds(
      /unknown lock: this could not be looked at: EACCES/,
      worldOf({ holder: { verdict: 'unreadable', pid: 0, host: 'EACCES: lock.json' } }),
    )
  })
  test('too little disk, by what is refused then', async () => {
    const withFree = (freeBytes: number) =>
      worldOf({ machine: { diskOf: async () => ({ freeBytes, freeInodes: 1e6, kind: 0 }) } })
    await finds(/error disk: .*0\.50 GB free/, withFree(0.5e9))
    await finds(/error disk: .*2\.50 GB free/, withFree(2.5e9))
    await finds(/warning disk: .*3\.50 GB free/, withFree(3.5e9))
  })
  test('a file system that keeps nothing, or not for certain, and one without inodes', async () => {
    const disk = (kind: number, freeInodes = 1e6) =>
      worldOf({ machine: { diskOf: async () => ({ freeBytes: 1e12, freeInodes, kind }) } })
    await finds(/warning disk: .* is in memory/, disk(0x01021994))
    await finds(/warning disk: .* in the layer of a container/, disk(0x794c7630))
    await finds(/warning disk: .* is on NFS/, disk(0x6969))
    await finds(/error disk: .*: 12 more files/, disk(0, 12))
  })
  test('objects that are elsewhere than the settings say, or not mounted', async () => {
    const other = mkdtempSync(join(room, 'objects-'))
    await finds(/error objects-directory: the objects are in/, worldOf({ wanted: { objectsDir: other } }))
    const unmounted = mkdtempSync(join(room, 'data-'))
    symlinkSync(join(room, 'not-mounted'), join(unmounted, 'objects'))
    await finds(
      /error objects-directory: .* leads to a place that is not there/,
      worldOf({ dataDir: unmounted }),
    )
  })
  test('a clock that was set back', async () => {
    const world = worldOf()
    const later = new Date(Date.now() + 3_600_000)
    writeFileSync(join(world.dataDir, 'run.json'), '{}')
    utimesSync(join(world.dataDir, 'run.json'), later, later)
    await finds(/error clock: run\.json was written (59|60) minutes in the future/, world)
  })
})

describe('of the machine the doctor finds', () => {
  test('too little memory for the settings', async () => {
    await finds(
      /warning memory: there are 2\.0 GiB of memory, and the settings may want 4\.0 GiB/,
      worldOf({ machine: { memoryBytes: () => 2 ** 31 } }),
    )
  })
  test('a low limit of open files', async () => {
    await finds(/error open-files: .* 256 files/, worldOf({ machine: { openFiles: () => 256 } }))
    await finds(/warning open-files: .* 1024 files/, worldOf({ machine: { openFiles: () => 1024 } }))
  })
  test('that time zones are missing', async () => {
    await finds(/error time-zones:/, worldOf({ machine: { hasTimeZones: () => false } }))
  })
  test('a port that another program has, and which', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as AddressInfo
    try {
      await finds(
        new RegExp(`error ports: port ${port} for everything HTTP .* it is taken`),
        worldOf({ wanted: { port } }),
      )
      if (process.platform === 'linux')
        assert.match(thisMachine.listenerOf(port) ?? '', new RegExp(`pid ${process.pid}`))
      // One that runs has its own ports.
      assert.deepEqual(await found(worldOf({ ...running(async () => views({})), wanted: { port } })), [])
    } finally {
      server.close()
    }
  })
  test('this machine itself tells what it is asked', async () => {
    assert.ok(thisMachine.memoryBytes() > 2 ** 27)
    assert.ok((await thisMachine.diskOf(room)).freeBytes > 0)
    assert.equal(thisMachine.hasTimeZones(), true)
    if (process.platform === 'linux') assert.ok(thisMachine.openFiles(undefined)! > 0)
  })
})

describe('of the certificate the doctor finds', () => {
  const make = (
    name: string,
    { hosts = ['localhost'], from = new Date(NOW.getTime() - 86_400_000), days = 90 } = {},
  ) => {
    const { certificatePem, keyPem } = selfSignedCertificate({ hosts, from, days })
    const files = { certificatePath: join(room, `${name}.pem`), keyPath: join(room, `${name}.key`) }
    writeFileSync(files.certificatePath, certificatePem)
    writeFileSync(files.keyPath, keyPem)
    return files
  }
  const world = (tls: Wanted['tls'], wanted: Partial<Wanted> = {}) =>
    worldOf({ wanted: { tls, ...wanted }, clock: { ...systemClock, now: () => NOW } })

  test('that it has expired, is about to, or is not valid yet', async () => {
    await finds(/error certificate: the certificate expired/, world(make('old', { from: new Date(0) })))
    await finds(/warning certificate: the certificate expires/, world(make('soon', { days: 5 })))
    await finds(
      /error certificate: the certificate is valid from/,
      world(make('early', { from: new Date('2027-01-01') })),
    )
  })
  test('that the key is not its own, or one of them is missing', async () => {
    await finds(
      /error certificate: .* is not the key of/,
      world({ ...make('one'), keyPath: make('two').keyPath }),
    )
    await finds(
      /error certificate: the certificate cannot be used/,
      world({ ...make('one'), keyPath: join(room, 'none.key') }),
    )
  })
  test('that it does not cover the public URL', async () => {
    const files = make('named', { hosts: ['events.example.org'] })
    await finds(
      /error certificate: the certificate is not for other\.example\.org \(it names DNS:events/,
      world(files, { publicUrl: 'https://other.example.org' }),
    )
    assert.deepEqual(await found(world(files, { publicUrl: 'https://events.example.org:8443' })), [])
  })
  test('that plain http would be refused', async () => {
    await finds(
      /error certificate: it is to listen on 0\.0\.0\.0 without TLS/,
      world(undefined, { host: '0.0.0.0' }),
    )
    assert.deepEqual(await found(world(undefined, { host: '0.0.0.0', plainHttp: true })), [])
  })
})

describe('of the main database the doctor finds', () => {
  const SOUND = {
    version: 180_001,
    isStandby: false,
    aheadMs: 10,
    mayCreate: true,
    mayCreateRoles: true,
    mostConnections: 97,
    usedConnections: 3,
  }
  const facts = (changes: Partial<typeof SOUND>) =>
    findingsOf({ place: 'db:5432/millrace', user: 'millrace', needed: 30 }, { ...SOUND, ...changes }).map(
      ({ severity, message }) => `${severity}: ${message}`,
    )
  test('a wrong version, a standby, missing rights, too few connections, another clock', () => {
    assert.deepEqual(facts({}), [])
    assert.match(facts({ version: 140_012 })[0]!, /error: .* is PostgreSQL 14/)
    assert.match(facts({ isStandby: true })[0]!, /error: .* is a standby/)
    assert.match(facts({ mayCreate: false })[0]!, /error: millrace may not create tables/)
    assert.match(facts({ mayCreateRoles: false })[0]!, /warning: millrace may not create roles/)
    assert.match(
      facts({ mostConnections: 20 })[0]!,
      /warning: .* has 20 connections, 3 are others'; Millrace may want 30/,
    )
    assert.match(facts({ aheadMs: -90_000 })[0]!, /error: the clock of .* is 90 s behind/)
  })
  test('that nothing answers at its URL, or it is none', async () => {
    await finds(
      /error main-database: 127\.0\.0\.1:1\/x cannot be used: .*ECONNREFUSED/,
      worldOf({ wanted: { databaseUrl: 'postgres://u:p@127.0.0.1:1/x' } }),
    )
    await finds(
      /error main-database: MILLRACE_DATABASE_URL:/,
      worldOf({ wanted: { databaseUrl: 'mysql://u@h/x' } }),
    )
  })
  test('that the embedded one is gone while its chunks are there', async () => {
    const world = worldOf()
    mkdirSync(join(world.dataDir, 'objects', 'chunks'))
    writeFileSync(join(world.dataDir, 'objects', 'chunks', 'a.parquet'), 'x')
    await finds(/error main-database: .*postgres is gone, and there are chunks/, world)
  })
  test('a gate that is shut, since when and why; and one whose file is damaged', async () => {
    const world = worldOf()
    const state = servingState(
      { host: 'h', port: 1, database: 'd', user: 'u', password: 'p', tls: false },
      new Date('2026-01-02T03:04:05Z'),
    )
    await writeGateFile(world.dataDir, state)
    assert.deepEqual(await found(world), [])
    await writeGateFile(world.dataDir, { ...state, mode: 'away', reason: 'it does not answer' })
    await finds(/error gate: .* shut \(away\) since 2026-01-02T03:04:05\.000Z: it does not answer/, world)
    writeFileSync(join(world.dataDir, 'gate', 'gate.json'), '{"format":1')
    await finds(/error gate: the gate file is damaged/, world)
  })
})

describe('of the processes the doctor finds', () => {
  test('one that is not alive, one that ends again and again, a supervisor that does not answer', async () => {
    await finds(
      /error processes: worker-0 is starting and not ready: no engine/,
      worldOf(running(async () => views({ state: 'starting', ready: false, reason: 'no engine' }))),
    )
    await finds(
      /warning processes: worker-0 was started again 9 times/,
      worldOf(running(async () => views({ restarts: 9 }))),
    )
    await finds(
      /error processes: the supervisor \(process 1\) does not answer: ECONNREFUSED/,
      worldOf(running(() => Promise.reject(new Error('ECONNREFUSED')))),
    )
  })
})

describe('of the data the doctor finds', () => {
  const spooled = async (receivedAtMs: number) => {
    const world = worldOf()
    const writer = await openSpoolWriter({
      directory: join(world.dataDir, 'spool', 'ingest-0'),
      settings: readSpoolSettings({ MILLRACE_SPOOL_SEGMENT_BYTES: '1048576' }),
      clock: systemClock,
      log: silentLog,
      onFatal: () => undefined,
    })
    const record = {
      kind: 'import' as const,
      receivedAtMs,
      accountId: 1n,
      keyId: 1n,
      database: 'd',
      table: 't',
      tableId: 1n,
      uniqueId: '',
      facts: {},
      body: Buffer.alloc(100, 7),
    }
    for (let i = 0; i < 5; i++) await writer.append(record)
    await writer.close()
    return world
  }
  test('imports that wait for long', async () => {
    assert.deepEqual(await found(await spooled(Date.now())), [])
    await finds(
      /warning spools: spool ingest-0 holds 5 imports, the oldest for 30 minutes/,
      await spooled(Date.now() - 30 * 60_000),
    )
  })
  test('imports that were acknowledged and are damaged on disk', async () => {
    const world = await spooled(Date.now())
    const directory = join(world.dataDir, 'spool', 'ingest-0')
    const segment = readdirSync(directory).find((name) =>
      readFileSync(join(directory, name)).includes(Buffer.alloc(100, 7)),
    )!
    const bytes = readFileSync(join(directory, segment))
    bytes[bytes.indexOf(Buffer.alloc(100, 7)) + 50] = 8
    writeFileSync(join(directory, segment), bytes)
    await finds(/error spools: spool ingest-0 has 1 range that cannot be read/, world)
  })
  test('quarantined bytes of a spool', async () => {
    const world = await spooled(Date.now())
    mkdirSync(join(world.dataDir, 'spool', 'ingest-0', 'quarantine'), { recursive: true })
    writeFileSync(join(world.dataDir, 'spool', 'ingest-0', 'quarantine', 'x'), 'x')
    await finds(/error spools: spool ingest-0 has 1 file in quarantine/, world)
  })
  test('a snapshot that cannot be read', async () => {
    const world = worldOf()
    writeFileSync(join(world.dataDir, 'snapshot', 'current'), '7\n')
    writeFileSync(join(world.dataDir, 'snapshot', 'base-7.jsonl'), 'no snapshot\n')
    await finds(/error snapshot: the snapshot cannot be read/, world)
  })
})

/** A writer in a process of its own is killed again and again under load, while this process reads and releases. */
import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { openSync, readFileSync, writeSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { describe, test } from 'node:test'
import { ensureDirectory } from '../kernel/index.ts'
import { compareSpoolPositions, SPOOL_START } from './position.ts'
import { aReader, aRecord, aWriter, smallSettings, withSpoolDirectory } from './testing.ts'
import type { SpoolDamage, SpooledRecord } from './types.ts'

const SEGMENT_BYTES = 256 * 1024
const ROUNDS = 10

if (process.argv[2] === 'writer') await write(process.argv[3]!, process.argv[4]!, process.argv[5]!)
else
  describe('a spool whose writer is killed with kill -9 under load, over segments used again and again', () => {
    test(`${ROUNDS} times, still has every acknowledged record once and in order`, { timeout: 60_000 }, () =>
      withSpoolDirectory(killAgainAndAgain),
    )
  })

/** The child: 32 senders without a pause; every acknowledgement is told at once, before anything else happens. */
async function write(directory: string, round: string, acknowledgements: string): Promise<void> {
  const told = openSync(acknowledgements, 'a')
  const settings = { ...smallSettings, segmentBytes: SEGMENT_BYTES }
  const writer = await aWriter(directory, {
    settings,
    onFatal: (error) => {
      throw error
    },
  })
  const send = async (sender: number) => {
    for (let i = 0; ; i++) {
      const id = `${round}-${sender}-${i}`
      const size = i % 50 === 49 ? 300_000 : (i * 37 + sender * 911) % 3000
      await writer.append(aRecord(id, size))
      writeSync(told, `${id}\n`)
    }
  }
  await Promise.all(Array.from({ length: 32 }, (_, sender) => send(sender)))
}

async function killAgainAndAgain(directory: string): Promise<void> {
  await ensureDirectory(directory)
  const acknowledged = new Set<string>()
  const seen: SpooledRecord[] = []
  const damages: SpoolDamage[] = []
  const reader = aReader(directory, { onDamage: (damage) => damages.push(damage) })
  let position = SPOOL_START
  const readOn = async () => {
    const some = await reader.read(position, { maxBytes: 1_000_000, maxRecords: 500 })
    for (const each of some) seen.push({ ...each, record: { ...each.record, body: Buffer.alloc(0) } })
    position = some.at(-1)?.end ?? position
    // The loader releases late, so that restarts find several segments.
    if (seen.length % 3 === 0) await reader.release(position)
    return some.length
  }
  const stop = new AbortController()
  const reading = (async () => {
    while (!stop.signal.aborted) if ((await readOn()) === 0) await reader.waitForMore(stop.signal)
  })()

  try {
    for (let round = 0; round < ROUNDS; round++) {
      for (const id of await writeAndKill(directory, round)) acknowledged.add(id)
    }
    stop.abort()
    await reading
  } catch (error) {
    // What watches and holds files would keep this process from ending.
    stop.abort()
    await reading.catch(() => undefined)
    await reader.close()
    throw error
  }
  const last = await aWriter(directory, { settings: { ...smallSettings, segmentBytes: SEGMENT_BYTES } })
  await last.append(aRecord('end'))
  while ((await readOn()) > 0);
  await last.close()
  await reader.close()

  assert.deepEqual(damages, [])
  const ids = seen.map(({ record }) => record.uniqueId)
  const held = new Set(ids)
  assert.equal(held.size, ids.length, 'no record twice')
  const missing = [...acknowledged].filter((id) => !held.has(id))
  assert.deepEqual(missing, [])
  assert.equal(ids.at(-1), 'end')
  const positions = seen.map((each) => each.position)
  assert.deepEqual(positions, positions.toSorted(compareSpoolPositions))
  const generations = new Set(positions.map(({ generation }) => generation))
  const files = (await readdir(directory)).filter((name) => name.endsWith('.spool'))
  assert.ok(generations.size > files.length, 'segments were used again')
}

/** Lets a writer acknowledge some hundreds of records and kills it; returns what it acknowledged. */
async function writeAndKill(directory: string, round: number): Promise<string[]> {
  const path = `${directory}-acknowledged-${round}`
  const child = fork(import.meta.filename, ['writer', directory, String(round), path], { silent: true })
  const exited = once(child, 'exit')
  const failure = textOf(child)
  const lines = () => readFileSync(path, { encoding: 'utf8', flag: 'a+' }).split('\n').slice(0, -1)
  while (lines().length < 300) {
    assert.equal(child.exitCode, null, `the writer ended by itself: ${failure.text}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  await new Promise((resolve) => setTimeout(resolve, (round * 53) % 170))
  child.kill('SIGKILL')
  assert.deepEqual(await exited, [null, 'SIGKILL'], failure.text)
  return lines()
}

function textOf(child: ChildProcess): { text: string } {
  const collected = { text: '' }
  child.stderr!.on('data', (chunk) => {
    collected.text += chunk
  })
  return collected
}

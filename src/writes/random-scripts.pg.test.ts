import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { HOUR } from '../archive/testing.ts'
import { openWriteRoom, type WriteRoom } from './testing.ts'

/** Long form: MILLRACE_WRITE_RUNS=500 MILLRACE_WRITE_SEED=7 node --test src/writes/random-scripts.pg.test.ts */
const RUNS = Number(process.env.MILLRACE_WRITE_RUNS ?? 10)
const SEED = Number(process.env.MILLRACE_WRITE_SEED ?? 1)

/** What a table holds, by the name it goes by: values of `n`, with repeats. */
type Model = Map<string, number[]>
type Step = { sql: string; fails: boolean; apply(model: Model): void }

const NAMES = ['red_table', 'blue_table', 'green_table']

/** Numbers that the same seed repeats: mulberry32. */
function seeded(seed: number): (below: number) => number {
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below)
  }
}

/** One statement, and what it does to tables as they are then. */
function randomStep(random: (below: number) => number, model: Model): Step {
  const pick = <T>(list: readonly T[]) => list[random(list.length)]!
  // Mostly of tables that are there.
  const names = random(5) === 0 ? NAMES : [...model.keys()]
  const [a, b] = [pick(names), pick(names)]
  const isThere = model.has(a)
  const k = random(5)
  const value = random(100)
  const hour = HOUR + random(3) * 3600
  switch (random(10)) {
    case 0:
    case 1:
      return {
        sql: `INSERT INTO ${a} (n, time) VALUES (${value}, ${hour}), (${value + 1}, ${hour + 7200})`,
        fails: !isThere,
        apply: (now) => void now.get(a)!.push(value, value + 1),
      }
    case 2:
    case 3:
      return {
        sql: `INSERT INTO ${a} (n, time) SELECT n + 1, time FROM ${b} WHERE n % 5 = ${k}`,
        fails: !isThere || !model.has(b),
        apply: (now) => void now.get(a)!.push(...now.get(b)!.flatMap((n) => (n % 5 === k ? [n + 1] : []))),
      }
    case 4:
    case 5:
      return {
        sql: `DELETE FROM ${a} WHERE n % 5 = ${k} OR n IN (SELECT max(n) FROM ${a})`,
        fails: !isThere,
        apply: (now) => {
          const most = Math.max(...now.get(a)!)
          now.set(
            a,
            now.get(a)!.filter((n) => n % 5 !== k && n !== most),
          )
        },
      }
    case 6:
      return {
        sql: `DROP TABLE IF EXISTS ${a}; CREATE TABLE ${a} AS SELECT n, time FROM ${b} WHERE n > ${value}`,
        // Its own rows are gone by then.
        fails: a === b || !model.has(b),
        apply: (now) =>
          void now.set(
            a,
            now.get(b)!.filter((n) => n > value),
          ),
      }
    case 7:
      return {
        sql: `ALTER TABLE ${a} RENAME TO ${b}`,
        fails: !isThere || model.has(b),
        apply: (now) => {
          now.set(b, now.get(a)!)
          now.delete(a)
        },
      }
    case 8:
      return {
        sql: `CREATE TABLE IF NOT EXISTS ${a} (n bigint)`,
        fails: false,
        apply: (now) => void (now.has(a) || now.set(a, [])),
      }
    default:
      return {
        sql: `INSERT INTO ${a} (n, time) SELECT 1 / (n - n), time FROM ${b}`,
        fails: !isThere || !model.has(b) || model.get(b)!.length > 0,
        apply: () => undefined,
      }
  }
}

const copy = (model: Model): Model => new Map([...model].map(([name, rows]) => [name, [...rows]]))

describe(`random scripts, seed ${SEED}`, () => {
  let room: WriteRoom
  before(async () => {
    room = await openWriteRoom()
  })
  after(() => room.close())

  const stored = async () => {
    const found = await room.query<{ id: bigint; name: string }>`
      SELECT id, name FROM tables WHERE removed_at IS NULL AND database_id = 1 ORDER BY name`
    const tables: [string, number[]][] = []
    for (const { id, name } of found)
      tables.push([name, (await room.rowsOf(id)).map(({ n }) => Number(n)).sort((x, y) => x - y)])
    return tables
  }
  const expected = (model: Model) =>
    [...model]
      .sort(([x], [y]) => (x < y ? -1 : 1))
      .map(([name, rows]) => [name, [...rows].sort((x, y) => x - y)])

  test('leave what a model of them leaves: all of a script, or nothing of one that fails', async () => {
    const random = seeded(SEED)
    let model: Model = new Map([
      ['red_table', [1, 2, 3, 4, 5, 6]],
      ['blue_table', [10]],
    ])
    for (const [name, rows] of model)
      await room.sql(
        `CREATE TABLE ${name} AS SELECT n, ${HOUR} + n AS time FROM (VALUES ${rows.join(', ')}) AS v (n)`,
      )
    const seen = { success: 0, error: 0, steps: 0 }
    for (let run = 0; run < RUNS; run++) {
      const next = copy(model)
      const statements: string[] = []
      let fails = false
      for (let left = 1 + random(4); left > 0 && !fails; left--) {
        const step = randomStep(random, next)
        statements.push(step.sql)
        fails = step.fails
        if (!fails) step.apply(next)
        seen.steps++
      }
      const script = statements.join(';\n')
      const end = await room.job(script)
      assert.equal(end.status, fails ? 'error' : 'success', `${script}\n${end.error}: ${end.message}`)
      seen[fails ? 'error' : 'success']++
      if (!fails) model = next
      assert.deepEqual(await stored(), expected(model), script)
      if (random(3) === 0) for (const [id] of await tableIds()) await room.merge(id)
    }
    assert.ok(seen.success > 0 && seen.error > 0, JSON.stringify(seen))
  })

  const tableIds = async () =>
    (await room.query<{ id: bigint }>`SELECT id FROM tables WHERE removed_at IS NULL`).map(
      ({ id }) => [id] as const,
    )

  test('several at once leave what some order of them leaves', async () => {
    await room.sql(
      `DROP TABLE IF EXISTS shared_table; CREATE TABLE shared_table AS SELECT * FROM (VALUES (1, ${HOUR}), (2, ${HOUR})) AS v (n, time)`,
    )
    // Each doubles the rows, adds one blindly, or takes one value away.
    const scripts = [
      'INSERT INTO shared_table (n, time) SELECT n * 10, time FROM shared_table',
      'INSERT INTO shared_table (n, time) SELECT n * 10, time FROM shared_table',
      'DELETE FROM shared_table WHERE n = 1',
    ]
    const ends = await Promise.all(scripts.map((script) => room.job(script)))
    assert.deepEqual(
      ends.map(({ status }) => status),
      ['success', 'success', 'success'],
    )
    const found = (await room.sql('SELECT n FROM shared_table ORDER BY n')).map(([n]) => n as number)
    const ten = (rows: number[]) => [...rows, ...rows.map((n) => n * 10)]
    const without = (rows: number[]) => rows.filter((n) => n !== 1)
    const orders = [ten(ten(without([1, 2]))), ten(without(ten([1, 2]))), without(ten(ten([1, 2])))].map(
      (rows) => rows.sort((x, y) => x - y).join(),
    )
    assert.ok(orders.includes(found.join()), `${found.join()} is none of ${orders.join(' | ')}`)
  })
})

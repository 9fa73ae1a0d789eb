import { after, before, beforeEach, describe, test } from 'node:test'
import fc from 'fast-check'
import { startTestDatabase, type TestDatabase } from '../database/testing.ts'
import { type LifeStep, startLifeWorld } from './life-testing.ts'
import { WRITE } from './testing.ts'

const RUNS = Number(process.env.MILLRACE_JOB_LIVES ?? 2)
const SEED = Number(process.env.MILLRACE_JOB_LIVES_SEED ?? 11)
const STEPS = { minLength: 20, maxLength: 40, size: 'max' } as const

const reply = fc.constantFrom('kept', 'kept', 'lost', 'unsent' as const)
const pick = fc.nat({ max: 1000 })
const worker = fc.nat({ max: 1 })
const anyStep: fc.Arbitrary<LifeStep> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('issue' as const),
      account: fc.constantFrom(1n, 2n),
      key: fc.constantFrom(null, null, 'a', 'b', 'c'),
      retryLimit: fc.nat({ max: 2 }),
      writes: fc.boolean(),
      reply,
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('finish' as const),
      pick,
      how: fc.constantFrom('success', 'success', 'stumble', 'fail' as const),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('kill' as const), pick }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('database' as const),
      is: fc.constantFrom('away', 'back' as const),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('die' as const), worker }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('revive' as const), worker }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('lose-reply' as const), worker, reply }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart-core' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('set-clock' as const), hours: fc.integer({ min: -72, max: 72 }) }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.nat({ max: 150 }) }) },
)

describe('jobs with a random life: deaths, lost replies, clocks that jump, the main database away', () => {
  let db: TestDatabase
  before(async () => {
    db = await startTestDatabase({ maxConnections: 20 })
  })
  after(() => db.stop())
  beforeEach(() => db.database.write(WRITE, (sql) => sql`TRUNCATE jobs, job_results, domain_keys`))

  test(`are kept, begun once an attempt, and end once and truly (${RUNS} lives, seed ${SEED})`, async () => {
    const life = fc.asyncProperty(fc.array(anyStep, STEPS), async (steps) => {
      await db.database.write(WRITE, (sql) => sql`TRUNCATE jobs, job_results, domain_keys`)
      const world = await startLifeWorld(db)
      try {
        for (const step of steps) {
          await world.step(step)
          await world.check()
        }
        await world.settle()
      } finally {
        await world.stop()
      }
    })
    // Processes have a timing of their own: a shorter list of steps would be another story.
    await fc.assert(life, {
      numRuns: RUNS,
      seed: SEED,
      endOnFailure: true,
    })
  })
})

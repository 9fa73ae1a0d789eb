/** Scripts that write, and what they leave: each writer has a table of its own, and its own rows in a table that all share. */

export type Below = (limit: number) => number

/** What the scripts of one writer have left, as far as they were committed; values of `n` with repeats. */
export type Left = {
  /** Undefined: the table is not there. */
  own: number[] | undefined
  log: number[]
  /** The number of the last script that replaced the table which all replace. */
  swapped: number | undefined
}

export type Script = {
  text: string
  /** It divides by zero, or names a table that is not there: it must not succeed. */
  fails: boolean
  /** What is left when it succeeds. */
  left: Left
}

export const LOG = 'shared_log'
export const SWAPPED = 'swapped'
export const ownTable = (writer: number) => `own_${writer}`
const HOUR = 1_699_999_200

/** One to four statements, and what they leave of what was there. */
export function randomScript(below: Below, writer: number, number: number, before: Left): Script {
  const left: Left = { own: before.own?.slice(), log: before.log.slice(), swapped: before.swapped }
  const statements: string[] = []
  for (let more = 1 + below(4); more > 0; more--) {
    const { text, fails } = randomStatement(below, { writer, number, left })
    statements.push(text)
    if (fails) return { text: statements.join(';\n'), fails, left: before }
  }
  return { text: statements.join(';\n'), fails: false, left }
}

type Situation = { writer: number; number: number; left: Left }
type Statement = { text: string; fails: boolean }

function randomStatement(below: Below, { writer, number, left }: Situation): Statement {
  const own = ownTable(writer)
  const [value, k] = [below(1000), below(4)]
  const time = HOUR + below(5) * 3600
  const done = (text: string): Statement => ({ text, fails: false })
  const fails = (text: string): Statement => ({ text, fails: true })
  // Mostly of tables that are there: a script that fails says less.
  if (left.own === undefined && below(4) > 0) {
    left.own = []
    return done(`CREATE TABLE ${own} (n bigint)`)
  }
  switch (below(11)) {
    case 0:
    case 1: {
      const text = `INSERT INTO ${own} (n, time) VALUES (${value}, ${time}), (${value + 1}, ${time + 3600})`
      if (left.own === undefined) return fails(text)
      left.own.push(value, value + 1)
      return done(text)
    }
    case 2: {
      const text = `INSERT INTO ${own} (n, time) SELECT n + 1, time FROM ${own} WHERE n % 4 = ${k}`
      if (left.own === undefined) return fails(text)
      left.own.push(...left.own.filter((n) => n % 4 === k).map((n) => n + 1))
      return done(text)
    }
    case 3: {
      const text = `DELETE FROM ${own} WHERE n % 4 = ${k}`
      if (left.own === undefined) return fails(text)
      left.own = left.own.filter((n) => n % 4 !== k)
      return done(text)
    }
    case 4:
      left.own = left.log.filter((n) => n % 4 !== k)
      return done(
        `DROP TABLE IF EXISTS ${own};\nCREATE TABLE ${own} AS SELECT n, time FROM ${LOG} WHERE w = ${writer} AND n % 4 <> ${k}`,
      )
    case 5:
      left.log.push(value)
      return done(`INSERT INTO ${LOG} (w, n, time) VALUES (${writer}, ${value}, ${time})`)
    case 6: {
      const text = `INSERT INTO ${LOG} (w, n, time) SELECT ${writer}, n, time FROM ${own} WHERE n % 4 = ${k}`
      if (left.own === undefined) return fails(text)
      left.log.push(...left.own.filter((n) => n % 4 === k))
      return done(text)
    }
    case 7:
      left.log = left.log.filter((n) => n % 4 !== k)
      return done(`DELETE FROM ${LOG} WHERE w = ${writer} AND n % 4 = ${k}`)
    case 8:
      left.swapped = number
      return done(
        `DROP TABLE IF EXISTS ${SWAPPED};\nCREATE TABLE ${SWAPPED} AS SELECT ${writer} AS w, ${number} AS script, n FROM (VALUES 1, 2, 3) AS v (n)`,
      )
    case 9: {
      const text = `INSERT INTO ${LOG} (w, n, time) SELECT ${writer}, 1 / (n - n), time FROM ${LOG} WHERE w = ${writer}`
      return left.log.length > 0 ? fails(text) : done(text)
    }
    default:
      left.own ??= []
      return done(`CREATE TABLE IF NOT EXISTS ${own} (n bigint)`)
  }
}

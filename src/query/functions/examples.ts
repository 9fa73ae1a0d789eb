import { readdirSync, readFileSync } from 'node:fs'

/** One line of a `*.cases.json`, as far as the reference page shows it. */
type Case = {
  sql: string
  type?: string
  value?: unknown
  error?: string
  zone?: string
  scheduledTime?: number
  /** Shown as the example of the function it names, whatever else would do. */
  example?: string
}

export type Example = { sql: string; value: string }

const files = (): string[] =>
  readdirSync(import.meta.dirname)
    .filter((name) => name.endsWith('.cases.json'))
    .sort()

/**
 * What the reference page shows for each function: a case that runs as a test, so that no example can be wrong. It is the case
 * marked `"example": "name"`, else the first that begins with a call of the name and answers something, else one that has such a call; those
 * of the function's own family come first.
 */
export function functionExamples(
  functions: readonly { name: string; family: string }[],
): Map<string, Example> {
  const cases = files().flatMap((file) => {
    const family = file.replace('.cases.json', '')
    const lines = JSON.parse(readFileSync(`${import.meta.dirname}/${file}`, 'utf8')) as Case[]
    return lines.filter(answers).map((line) => ({ ...line, family }))
  })
  const examples = new Map<string, Example>()
  for (const { name, family } of functions) {
    const calls = cases.filter(({ sql }) => sql.toLowerCase().startsWith(`${name}(`))
    const chosen =
      cases.find(({ example }) => example === name) ??
      calls.find((line) => line.family === family && isPlain(line)) ??
      calls.find(isPlain) ??
      calls[0] ??
      cases.find(({ sql }) => new RegExp(`\\b${name}\\(`, 'i').test(sql))
    if (chosen !== undefined) examples.set(name, { sql: chosen.sql, value: JSON.stringify(chosen.value) })
  }
  return examples
}

const answers = ({ error, value, example }: Case): boolean =>
  example !== undefined || (error === undefined && value !== null && value !== undefined)

/** In a session as it is when nothing is said about it. */
const isPlain = ({ zone, scheduledTime }: Case): boolean => zone === undefined && scheduledTime === undefined

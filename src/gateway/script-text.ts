import { propertyMatters, setSessionText } from '../query/index.ts'
import type { ClientSession } from './client-session.ts'
import type { StatementFacts } from './statements.ts'

/** The text of a statement's job, and how many lines stand before the user's own. */
export type ScriptText = { text: string; linesBefore: number }

/**
 * A job knows no client session: what of it matters to this statement goes in front, each on lines of its own. What is not
 * needed is left out, so that a plain query is stored as it was sent. A property that is wrong goes along: the job ends with what is wrong
 * about it.
 */
export function scriptOf(text: string, session: ClientSession, facts: StatementFacts): ScriptText {
  const before: string[] = []
  const zone = session.timeZone
  if (zone !== undefined && !/^(utc|gmt|z)$/i.test(zone))
    before.push(`SET TIME ZONE '${zone.replaceAll("'", "''")}'`)
  for (const [name, value] of session.properties)
    if (facts.showsSession || propertyMatters(name, value)) before.push(setSessionText(name, value))
  for (const name of facts.uses) {
    const prepared = session.prepared.get(name)
    if (prepared !== undefined) before.push(`PREPARE "${name.replaceAll('"', '""')}" FROM ${prepared}`)
  }
  // Drivers and pools roll back as a matter of course. What was written inside is stored already: a job for each statement.
  if (facts.updateType === 'ROLLBACK') return { text: `COMMIT -- ${text}`, linesBefore: 0 }
  const prefix = before.map((statement) => `${statement}\n;\n`).join('')
  return { text: prefix + text, linesBefore: prefix.split('\n').length - 1 }
}

/** The message as it is about the user's own lines, with the place it names. */
export function placedIn(
  message: string,
  linesBefore: number,
): { message: string; location?: { lineNumber: number; columnNumber: number } } {
  const [whole, line, column, rest] = /^line (\d+):(\d+): ([\s\S]*)$/.exec(message) ?? []
  if (whole === undefined) return { message }
  const lineNumber = Number(line) - linesBefore
  if (lineNumber < 1) return { message: rest! }
  return {
    message: `line ${lineNumber}:${column}: ${rest}`,
    location: { lineNumber, columnNumber: Number(column) },
  }
}

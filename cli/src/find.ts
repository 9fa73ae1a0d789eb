import type { Command } from './command.ts'
import { usageError } from './errors.ts'
import { suggestion } from './suggest.ts'

/** The command of that name or alias. @throws usage (2) with the nearest name */
export function findCommand(commands: readonly Command[], word: string): Command {
  const found = commands.find(({ name, aliases = [] }) => name === word || aliases.includes(word))
  if (found !== undefined) return found
  const inGroup = commands
    .filter(({ name, hidden }) => !hidden && name.startsWith(`${word}:`))
    .map(({ name }) => name)
  if (inGroup.length > 0)
    throw usageError(
      `'${word}' alone is no command; there are ${inGroup.join(', ')}`,
      `See 'millrace help ${word}:'.`,
    )
  throw usageError(
    `unknown command '${word}'${suggestion(word, namesOf(commands))}`,
    "See 'millrace help' for all of them.",
  )
}

/** Names and aliases of all that are listed. */
export function namesOf(commands: readonly Command[]): string[] {
  return commands.filter(({ hidden }) => !hidden).flatMap(({ name, aliases = [] }) => [name, ...aliases])
}

import type { Command, Completes, Option, Options } from '../command.ts'
import { namesOf } from '../find.ts'
import { GLOBAL_OPTIONS } from '../globals.ts'

/** Asks the server for names; a word before may narrow them (the tables of a database). */
export type LookUpNames = (
  kind: Exclude<Completes, readonly string[] | 'command' | 'file'>,
  before: string | undefined,
) => Promise<string[]>

export type Offer = {
  /** What the last word may become. */
  words: string[]
  /** Names of files, too: the shell knows them. */
  files: boolean
}

const NOTHING: Offer = { words: [], files: false }
const FILES: Offer = { words: [], files: true }

/**
 * What may stand in place of the last of these words (those after `millrace`; the last may be empty). Made of the command
 * table alone, names of things aside.
 */
export async function complete(
  commands: readonly Command[],
  words: readonly string[],
  lookUp: LookUpNames,
): Promise<Offer> {
  const current = words.at(-1) ?? ''
  const before = words.slice(0, -1)
  const at = commandAt(before)
  if (at === undefined)
    return beginning(await offered(beforeCommand(commands, before, current), lookUp, commands), current)
  const command = commands.find(
    ({ name, aliases = [] }) => name === before[at] || aliases.includes(before[at]!),
  )
  if (command === undefined) return NOTHING
  const globals: Options = command.callsServer === false ? { help: GLOBAL_OPTIONS.help } : GLOBAL_OPTIONS
  const options: Options = { ...globals, ...command.options }
  const wanted = afterCommand(command, options, before.slice(at + 1), current)
  return beginning(await offered(wanted, lookUp, commands), current)
}

type Wanted = { completes: Completes | undefined; before?: string } | { words: string[] }

function beforeCommand(commands: readonly Command[], before: readonly string[], current: string): Wanted {
  const option = optionBefore(GLOBAL_OPTIONS, before)
  if (option !== undefined) return { completes: valuesOf(option) }
  if (current.startsWith('-')) return { words: spellings(GLOBAL_OPTIONS) }
  // Aliases would make the list unreadable; who begins to type one gets it.
  const names = commands.filter(({ hidden }) => !hidden).map(({ name }) => name)
  return { words: names.some((name) => name.startsWith(current)) ? names : namesOf(commands) }
}

function afterCommand(
  command: Command,
  options: Options,
  before: readonly string[],
  current: string,
): Wanted {
  const option = optionBefore(options, before)
  const given = wordsAmong(options, before)
  if (option !== undefined) return { completes: valuesOf(option), before: given[0] }
  const [, name, value] = /^--([\w-]+)=(.*)$/.exec(current) ?? []
  if (name !== undefined && value !== undefined)
    return { completes: options[name] && valuesOf(options[name]) }
  if (current.startsWith('-')) return { words: spellings(options) }
  const { arguments: slots } = command
  const slot = slots[Math.min(given.length, slots.length - 1)]
  if (slot === undefined || (given.length >= slots.length && !slot.many)) return { words: [] }
  return { completes: slot.completes, before: given[0] }
}

async function offered(wanted: Wanted, lookUp: LookUpNames, commands: readonly Command[]): Promise<Offer> {
  if ('words' in wanted) return { words: wanted.words, files: false }
  const { completes, before } = wanted
  if (completes === undefined) return NOTHING
  if (completes === 'file') return FILES
  if (completes === 'command') return { words: namesOf(commands), files: false }
  if (typeof completes !== 'string') return { words: [...completes], files: false }
  return { words: await lookUp(completes, before), files: false }
}

function beginning({ words, files }: Offer, current: string): Offer {
  const start = /^--[\w-]+=/.exec(current)?.[0] ?? ''
  const typed = current.slice(start.length)
  return { words: words.filter((word) => word.startsWith(typed)).sort(), files }
}

/** The place of the command among the words; undefined while it is not there. */
function commandAt(words: readonly string[]): number | undefined {
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!
    if (!word.startsWith('-')) return at
    if (takesNext(GLOBAL_OPTIONS, word)) at++
  }
  return undefined
}

/** The option whose value the current word is. */
function optionBefore(options: Options, before: readonly string[]): Option | undefined {
  const last = before.at(-1)
  return last !== undefined && takesNext(options, last) ? named(options, last) : undefined
}

function wordsAmong(options: Options, before: readonly string[]): string[] {
  const words: string[] = []
  for (let at = 0; at < before.length; at++) {
    const word = before[at]!
    if (!word.startsWith('-') || word === '-') words.push(word)
    else if (takesNext(options, word)) at++
  }
  return words
}

function takesNext(options: Options, word: string): boolean {
  const option = word.includes('=') ? undefined : named(options, word)
  return option !== undefined && option.kind !== 'switch' && option.kind !== 'optional-integer'
}

function named(options: Options, word: string): Option | undefined {
  if (word.startsWith('--')) return options[word.slice(2)]
  // Of `-wd` the last letter may take a value.
  const letter = /^-\w*(\w)$/.exec(word)?.[1]
  return letter === undefined ? undefined : Object.values(options).find(({ short }) => short === letter)
}

const valuesOf = (option: Option): Completes | undefined =>
  option.completes ?? (option.kind === 'text' ? option.choices : undefined)

const spellings = (options: Options) =>
  Object.entries(options)
    .filter(([, { hidden }]) => !hidden)
    .map(([name]) => `--${name}`)

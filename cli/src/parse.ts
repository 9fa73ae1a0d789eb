import { type Arguments, type Command, type Given, type Option, type Options, usageOf } from './command.ts'
import { durationMs } from './duration.ts'
import { usageError } from './errors.ts'
import { GLOBAL_OPTIONS, type GlobalOptions } from './globals.ts'
import { suggestion } from './suggest.ts'

export type Values = Given['options']
export type Globals = Given<Arguments, GlobalOptions>['options']

/** A command with what was given to it, and the options every command has. */
export type Parsed = { command: Command; given: Given; globals: Globals }

/** What stands before the first word that is no option. */
export type Head = { word: string | undefined; rest: string[]; globals: Globals }

/** Reads the global options before the command. @throws usage (2) */
export function parseHead(args: readonly string[]): Head {
  const reader = createReader(args, { options: GLOBAL_OPTIONS, more: {}, hint: "see 'millrace help'" })
  for (;;) {
    const token = reader.next()
    if (token === undefined) return { word: undefined, rest: [], globals: reader.values() as Globals }
    if (token.kind === 'word')
      return { word: token.text, rest: reader.rest(), globals: reader.values() as Globals }
  }
}

/** Reads what stands after the command. @throws usage (2) naming the word, with the nearest known one */
export function parseCommand(
  command: Command,
  rest: readonly string[],
  before: Globals,
): Omit<Parsed, 'command'> {
  const more: Options = command.callsServer === false ? { help: GLOBAL_OPTIONS.help } : GLOBAL_OPTIONS
  const reader = createReader(rest, {
    options: command.options,
    more,
    hint: `see 'millrace help ${command.name}'`,
  })
  const words: string[] = []
  for (let token = reader.next(); token !== undefined; token = reader.next()) words.push(token.text)
  const values = reader.values()
  const own = Object.fromEntries(Object.keys(command.options).map((name) => [name, values[name]]))
  const later = Object.entries(reader.moreValues()).filter(
    ([, value]) => value !== undefined && value !== false,
  )
  const globals = { ...before, ...Object.fromEntries(later) } as Globals
  if (globals.help) return { given: { words: {}, options: own } as Given, globals }
  return { given: { words: named(command, words), options: own } as Given, globals }
}

function named(command: Command, words: string[]): Record<string, string | string[] | undefined> {
  const left = [...words]
  const found: Record<string, string | string[] | undefined> = {}
  const refuse = (what: string) =>
    usageError(
      `${command.usage === undefined ? `${what}; ` : ''}usage: ${usageOf(command)}`,
      `See 'millrace help ${command.name}'.`,
    )
  for (const { name, optional, many } of command.arguments) {
    if (left.length === 0 && !optional) throw refuse(`${name} is missing`)
    found[name] = many ? left.splice(0) : left.shift()
  }
  if (left.length > 0) throw refuse(`'${left[0]}' is one word too many`)
  return found
}

type Token = { kind: 'word'; text: string }

/** Takes options out of a row of words, as Ruby's OptionParser (td) does: `-f csv`, `-fcsv`, `--format=csv`, `-wv`. */
function createReader(
  args: readonly string[],
  { options, more, hint }: { options: Options; more: Options; hint: string },
) {
  const queue = [...args]
  const values: Record<string, unknown> = {}
  const moreValues: Record<string, unknown> = {}
  const known: [name: string, option: Option, into: Record<string, unknown>][] = [
    ...Object.entries(options).map(
      ([name, option]) => [name, option, values] as [string, Option, typeof values],
    ),
    ...Object.entries(more)
      .filter(([name]) => options[name] === undefined)
      .map(([name, option]) => [name, option, moreValues] as [string, Option, typeof values]),
  ]
  let hasEnded = false

  /** Takes the options in front of the next word; undefined at the end. */
  function next(): Token | undefined {
    for (let text = queue.shift(); text !== undefined; text = queue.shift()) {
      if (hasEnded || text === '-' || !text.startsWith('-')) return { kind: 'word', text }
      if (text === '--') hasEnded = true
      else if (text.startsWith('--')) long(text)
      else short(text)
    }
    return undefined
  }

  function long(text: string): void {
    const equals = text.indexOf('=')
    const name = text.slice(2, equals < 0 ? undefined : equals)
    const found = known.find(([known]) => known === name)
    if (found === undefined) {
      const near = known.filter(([, { hidden }]) => !hidden).map(([known]) => known)
      throw usageError(`unknown option --${name}${suggestion(name, near, '--')}; ${hint}`)
    }
    set(found, `--${name}`, equals < 0 ? undefined : text.slice(equals + 1))
  }

  function short(text: string): void {
    for (let at = 1; at < text.length; at++) {
      const found = known.find(([, { short }]) => short === text[at])
      if (found === undefined) throw usageError(`unknown option -${text[at]}; ${hint}`)
      const rest = text.slice(at + 1)
      const [, { kind }] = found
      if (kind === 'switch') {
        set(found, `-${text[at]}`, undefined)
        continue
      }
      // What follows the letter is its value; a letter whose value may be left out leaves other letters alone.
      const takes = kind !== 'optional-integer' || /^=?-?\d/.test(rest)
      set(found, `-${text[at]}`, takes && rest !== '' ? rest.replace(/^=/, '') : undefined)
      if (takes) return
    }
  }

  function set(
    [name, option, into]: (typeof known)[number],
    spelling: string,
    attached: string | undefined,
  ): void {
    if (option.kind === 'switch') {
      if (attached !== undefined) throw usageError(`option ${spelling} takes no value; ${hint}`)
      into[name] = true
      return
    }
    if (option.kind === 'optional-integer' && attached === undefined) {
      into[name] = option.mayBeNext && /^\d+$/.test(queue[0] ?? '') ? Number(queue.shift()) : true
      return
    }
    const text = attached ?? queue.shift()
    if (text === undefined)
      throw usageError(`option ${spelling} needs a value: ${option.placeholder}; ${hint}`)
    const value = readValue(option, spelling, text)
    into[name] = option.kind === 'list' ? [...((into[name] as string[] | undefined) ?? []), value] : value
  }

  const filled = (options: Options, from: Record<string, unknown>) =>
    Object.fromEntries(
      Object.entries(options).map(([name, { kind }]) => [
        name,
        from[name] ?? (kind === 'switch' ? false : kind === 'list' ? [] : undefined),
      ]),
    ) as Values
  return {
    next,
    rest: () => queue.splice(0),
    values: () => filled(options, values),
    moreValues: () => moreValues,
  }
}

function readValue(option: Exclude<Option, { kind: 'switch' }>, spelling: string, text: string): unknown {
  switch (option.kind) {
    case 'integer':
    case 'optional-integer': {
      const { least = Number.MIN_SAFE_INTEGER, most = Number.MAX_SAFE_INTEGER } =
        option.kind === 'integer' ? option : { least: 0 }
      const value = Number(text)
      if (/^[+-]?\d+$/.test(text) && value >= least && value <= most) return value
      const range = option.kind === 'integer' && option.most !== undefined ? ` from ${least} to ${most}` : ''
      throw usageError(`option ${spelling} takes a whole number${range}, not '${text}'`)
    }
    case 'duration': {
      const value = durationMs(text)
      if (value === undefined)
        throw usageError(`option ${spelling} takes a duration such as 90s, 15m or 2h, not '${text}'`)
      return value
    }
    case 'text': {
      if (option.choices === undefined || option.choices.includes(text)) return text
      throw usageError(
        `option ${spelling} takes ${option.choices.join(', ')}, not '${text}'${suggestion(text, option.choices)}`,
      )
    }
    case 'list':
      return text
  }
}

import type { Context } from './context.ts'

/** Under these headings help, completion and the reference list the commands, in this order. */
export const TOPICS = {
  start: 'First steps',
  databases: 'Databases',
  tables: 'Tables and schemas',
  import: 'Importing',
  queries: 'Queries and jobs',
  schedules: 'Saved queries and schedules',
  account: 'Users, keys and permissions',
  node: 'Running Millrace (on its machine)',
  help: 'Help',
} as const
export type Topic = keyof typeof TOPICS

/** What the shell offers at a place: names asked from the server, files, or fixed words. */
export type Completes =
  | 'database'
  | 'table'
  | 'job'
  | 'schedule'
  | 'user'
  | 'result'
  | 'command'
  | 'file'
  | readonly string[]

/** A word of a command besides its options. The last may be `many`. */
export type Argument = {
  name: string
  help: string
  optional?: true
  many?: true
  completes?: Completes
}

type OptionBase = {
  help: string
  /** One letter. */
  short?: string
  completes?: Completes
  /** Understood, but not shown. */
  hidden?: true
}
export type Option = OptionBase &
  (
    | { kind: 'switch' }
    | { kind: 'text'; placeholder: string; choices?: readonly string[] }
    /** May be given several times. */
    | { kind: 'list'; placeholder: string }
    | { kind: 'integer'; placeholder: string; least?: number; most?: number }
    /** `90`, `90s`, `15m`, `2h`; milliseconds. */
    | { kind: 'duration'; placeholder: string }
    /** With or without a value: `-w`, `-w60`, `--wait=60`; true without. `mayBeNext`: `--slow 60`, too. */
    | { kind: 'optional-integer'; placeholder: string; mayBeNext?: true }
  )

export type Arguments = readonly Argument[]
export type Options = Record<string, Option>

type WordOf<A extends Argument> = A extends { many: true }
  ? string[]
  : A extends { optional: true }
    ? string | undefined
    : string
type ValueOf<O extends Option> = O extends { kind: 'switch' }
  ? boolean
  : O extends { kind: 'list' }
    ? string[]
    : O extends { kind: 'integer' | 'duration' }
      ? number | undefined
      : O extends { kind: 'optional-integer' }
        ? number | true | undefined
        : string | undefined

/** What was given on the command line: words by the names of the arguments, options by theirs. */
export type Given<A extends Arguments = Arguments, O extends Options = Options> = {
  words: { [W in A[number] as W['name']]: WordOf<W> }
  options: { [N in keyof O]: ValueOf<O[N]> }
}

/** One command: the only source of its parsing, help, completion and reference page. */
export type Command<A extends Arguments = Arguments, O extends Options = Options> = {
  name: string
  /** Other names, as td has them. */
  aliases?: readonly string[]
  topic: Topic
  /** One line, in the imperative, without a full stop. */
  summary: string
  /** What else is to be known; paragraphs. */
  about?: readonly string[]
  /** Where names of words say too little. */
  usage?: string
  arguments: A
  options: O
  examples: readonly (readonly [line: string, does: string])[]
  /** False for what needs no server and no key: the global options do not apply. */
  callsServer?: false
  /** Waits no longer for a server that is away, whatever is said elsewhere. */
  waitMs?: number
  /** Not listed. */
  hidden?: true
  /** @returns the exit code; nothing: 0 */
  run(context: Context, given: Given<A, O>): Promise<number | undefined> | Promise<void>
}

/** Declares a command, its words and options typed by its own table. */
export function command<const A extends Arguments, const O extends Options>(
  declared: Command<A, O>,
): Command {
  return declared as unknown as Command
}

/** As they stand in a usage line: `DATABASE [TABLE] FILE …`. */
export function usageOf({ name, usage, arguments: words, options }: Command): string {
  if (usage !== undefined) return usage
  const parts = words.map(({ name, optional, many }) => {
    const word = `${name}${many ? ' …' : ''}`
    return optional ? `[${word}]` : word
  })
  const hasOptions = Object.values(options).some(({ hidden }) => !hidden)
  return ['millrace', name, ...parts, ...(hasOptions ? ['[options]'] : [])].join(' ')
}

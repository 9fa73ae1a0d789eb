import { type Command, type Option, type Options, TOPICS, type Topic, usageOf } from './command.ts'
import { GLOBAL_OPTIONS } from './globals.ts'

const LEFT = 30
const MOST_WIDTH = 100

/** `millrace help`: every command under its topic. */
export function overviewText(commands: readonly Command[], bold: (text: string) => string): string {
  const parts = (Object.keys(TOPICS) as Topic[]).flatMap((topic) => {
    const mine = commands.filter((command) => command.topic === topic && !command.hidden)
    if (mine.length === 0) return []
    return [bold(TOPICS[topic]), ...mine.map(({ name, summary }) => `  ${name.padEnd(22)} ${summary}`), '']
  })
  return [
    'Millrace: collect, store and query event data; keep going while the main database is away.',
    '',
    'usage: millrace [global options] COMMAND [options]',
    '',
    ...parts,
    "'millrace help COMMAND' explains one with examples, 'millrace help db:' those that begin so, 'millrace help --options'",
    'the global options. Complete with Tab: millrace help completion.',
    '',
  ].join('\n')
}

/** `millrace help db:`: the commands whose names begin so. */
export function groupText(commands: readonly Command[], prefix: string): string {
  const mine = commands.filter(({ name, hidden }) => !hidden && name.startsWith(prefix))
  return `${mine.map(({ name, summary }) => `  ${name.padEnd(22)} ${summary}`).join('\n')}\n`
}

/** `millrace help COMMAND` and `millrace COMMAND --help`. */
export function commandText(command: Command, bold: (text: string) => string): string {
  const { name, aliases = [], summary, about = [], arguments: words, options, examples } = command
  const shown = Object.entries(options).filter(([, { hidden }]) => !hidden)
  const section = (title: string, lines: string[]) => (lines.length === 0 ? [] : [bold(title), ...lines, ''])
  return [
    `${bold(name)}: ${summary}`,
    ...(aliases.length === 0 ? [] : [`also called ${aliases.join(', ')}`]),
    '',
    `${bold('usage:')} ${usageOf(command)}`,
    '',
    ...about.flatMap((paragraph) => [...wrapped(paragraph, 0), '']),
    ...section(
      'words:',
      words.flatMap(({ name, help, optional }) =>
        described(name, `${help}${optional ? ' (may be left out)' : ''}`),
      ),
    ),
    ...section(
      'options:',
      shown.flatMap(([name, option]) => described(spellingOf(name, option), helpOf(option))),
    ),
    ...section(
      'examples:',
      examples.flatMap(([line, does]) => [`  ${line}`, `      ${does}`]),
    ),
    ...(command.callsServer === false ? [] : ["Also the global options: 'millrace help --options'.", '']),
  ].join('\n')
}

/** `millrace help --options`. */
export function globalOptionsText(bold: (text: string) => string): string {
  const lines = Object.entries(GLOBAL_OPTIONS as Options)
    .filter(([, { hidden }]) => !hidden)
    .flatMap(([name, option]) => described(spellingOf(name, option), helpOf(option)))
  return [
    bold('Global options, before the command or after it'),
    ...lines,
    '',
    bold('Where key and server come from, the first that is set'),
    '  --apikey, --endpoint          options',
    '  MILLRACE_API_KEY, MILLRACE_ENDPOINT, MILLRACE_IMPORT_ENDPOINT, MILLRACE_CONFIG_PATH, MILLRACE_WAIT',
    '  TD_API_KEY, TD_API_SERVER, TD_API_IMPORT_SERVER, TD_CONFIG_PATH, TD_API_HEADERS',
    '  ~/.config/millrace/millrace.conf, then ~/.td/td.conf',
    '  http://127.0.0.1:8080         the server, when nothing names one',
    '',
  ].join('\n')
}

/** `-f, --format FORMAT`. */
export function spellingOf(name: string, option: Option): string {
  const { short } = option
  const long = option.kind === 'optional-integer' ? `--${name}[=${option.placeholder}]` : `--${name}`
  const value = option.kind === 'switch' || option.kind === 'optional-integer' ? '' : ` ${option.placeholder}`
  return `${short === undefined ? '    ' : `-${short}, `}${long}${value}`
}

export function helpOf(option: Option): string {
  return option.kind === 'text' && option.choices !== undefined
    ? `${option.help}: ${option.choices.join(', ')}`
    : option.help
}

function described(left: string, right: string): string[] {
  const lines = wrapped(right, LEFT + 2)
  if (left.length >= LEFT) return [`  ${left}`, ...lines]
  return [`  ${left.padEnd(LEFT)}${lines[0]!.trimStart()}`, ...lines.slice(1)]
}

function wrapped(text: string, indent: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && indent + line.length + 1 + word.length > MOST_WIDTH) {
      lines.push(line)
      line = ''
    }
    line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line].map((part) => ' '.repeat(indent) + part)
}

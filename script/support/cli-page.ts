import {
  COMMANDS,
  type Command,
  EXIT,
  EXIT_CODES,
  GLOBAL_OPTIONS,
  helpOf,
  type Options,
  spellingOf,
  TOPICS,
  type Topic,
  usageOf,
} from '../../cli/src/index.ts'
import { serverCommands } from '../../src/server/command-line.ts'

/** The reference page of the command line, made of the table that parses and explains it. */
export function cliPage(head: string): string {
  const commands = [...COMMANDS, ...serverCommands(() => Promise.resolve(0))].filter(({ hidden }) => !hidden)
  const topics = (Object.keys(TOPICS) as Topic[]).map((topic) => ({
    topic,
    mine: commands.filter((command) => command.topic === topic),
  }))
  return [
    head,
    '# The command line',
    '',
    '`millrace help` prints what stands here; [the guide](../guides/cli.md) shows how it is used. Commands, options and columns are those of td; what is',
    'different is said in the guide. Every command takes `--json` and `--help`. Data goes to standard output, everything else to standard error.',
    '',
    '## Global options',
    '',
    'Before the command, or after it where the command has no option of the same name.',
    '',
    ...optionTable(GLOBAL_OPTIONS),
    '## Exit codes',
    '',
    '| code | meaning |',
    '|---|---|',
    ...Object.entries(EXIT_CODES).map(([name, text]) => `| ${EXIT[name as keyof typeof EXIT]} | ${text} |`),
    '',
    ...topics.flatMap(({ topic, mine }) =>
      mine.length === 0 ? [] : [`## ${TOPICS[topic]}`, '', ...mine.flatMap(section)],
    ),
  ].join('\n')
}

function section(command: Command): string[] {
  const { name, aliases = [], summary, about = [], arguments: words, options, examples } = command
  return [
    `### ${name}`,
    '',
    `${summary[0]!.toUpperCase()}${summary.slice(1)}.${aliases.length === 0 ? '' : ` Also called ${aliases.map((alias) => `\`${alias}\``).join(', ')}.`}`,
    '',
    ...about.flatMap((paragraph) => [escaped(paragraph), '']),
    '```',
    usageOf(command),
    '```',
    '',
    ...words.filter(({ help }) => help !== '').map(({ name, help }) => `- \`${name}\`: ${escaped(help)}`),
    ...(words.some(({ help }) => help !== '') ? [''] : []),
    ...optionTable(options),
    '```sh',
    ...examples.flatMap(([line, does]) => [`# ${does}`, line]),
    '```',
    '',
  ]
}

function optionTable(options: Options): string[] {
  const shown = Object.entries(options).filter(([, { hidden }]) => !hidden)
  if (shown.length === 0) return []
  return [
    '| option | what it does |',
    '|---|---|',
    ...shown.map(
      ([name, option]) => `| \`${spellingOf(name, option).trim()}\` | ${escaped(helpOf(option))} |`,
    ),
    '',
  ]
}

/** Signs that Markdown would take for its own. */
const escaped = (text: string) => text.replace(/[|*<>_[\]]/g, '\\$&')

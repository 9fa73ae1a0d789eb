import { command } from '../command.ts'
import { findCommand } from '../find.ts'
import { commandText, globalOptionsText, groupText, overviewText } from '../help.ts'

export const helpCommands = [
  command({
    name: 'help',
    aliases: ['help:all'],
    topic: 'help',
    summary: 'explain a command, with examples',
    callsServer: false,
    arguments: [
      {
        name: 'COMMAND',
        help: 'which one; `db:` for all that begin so',
        optional: true,
        completes: 'command',
      },
    ],
    options: { options: { kind: 'switch', help: 'explain the global options' } },
    examples: [
      ['millrace help', 'every command by topic'],
      ['millrace help query', 'one of them, as does: millrace query --help'],
      ['millrace help sched:', 'all whose names begin so'],
      ['millrace help --options', 'the options that every command has'],
    ],
    async run({ commands, print }, { words: { COMMAND: word }, options }) {
      if (options.options) await print.write(globalOptionsText(print.bold))
      else if (word === undefined) await print.write(overviewText(commands, print.bold))
      else if (word.endsWith(':')) await print.write(groupText(commands, word))
      else await print.write(commandText(findCommand(commands, word), print.bold))
    },
  }),
  command({
    name: 'version',
    topic: 'help',
    summary: 'print the version',
    callsServer: false,
    arguments: [],
    options: {},
    examples: [['millrace version', 'Millrace and the Node it runs on']],
    async run({ version, print }) {
      await print.line(`millrace ${version} (node ${process.versions.node})`, {
        millrace: version,
        node: process.versions.node,
      })
    },
  }),
]

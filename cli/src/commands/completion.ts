import { command } from '../command.ts'
import { complete, type LookUpNames } from '../completion/complete.ts'
import { completionScript, SHELLS, type Shell } from '../completion/scripts.ts'
import type { Context } from '../context.ts'
import { CliError, usageError } from '../errors.ts'

const MOST_JOBS = 30

export const completionCommands = [
  command({
    name: 'completion',
    topic: 'help',
    summary: 'print what the shell needs to complete commands, options and names',
    callsServer: false,
    arguments: [{ name: 'SHELL', help: SHELLS.join(', '), completes: SHELLS }],
    options: {},
    examples: [
      ['source <(millrace completion bash)', 'in ~/.bashrc'],
      ['source <(millrace completion zsh)', 'in ~/.zshrc, after compinit'],
      ['millrace completion fish > ~/.config/fish/completions/millrace.fish', 'once'],
    ],
    async run({ commands, print }, { words: { SHELL: shell } }) {
      if (!SHELLS.some((known) => known === shell))
        throw usageError(`there is no completion for '${shell}': use ${SHELLS.join(', ')}`)
      await print.write(
        completionScript(
          shell as Shell,
          commands.filter(({ hidden }) => !hidden),
        ),
      )
    },
  }),
  command({
    name: '__complete',
    topic: 'help',
    hidden: true,
    waitMs: 0,
    summary: 'what may stand in place of the last word, for the scripts of the shells',
    arguments: [{ name: 'WORD', help: 'those after millrace', many: true, optional: true }],
    options: {},
    examples: [["millrace __complete -- table:show ''", 'one a line']],
    async run(context, { words: { WORD: words } }) {
      const offer = await complete(context.commands, words, (kind, before) =>
        lookUpNames(context, kind, before),
      )
      const lines = [...offer.words, ...(offer.files ? [':files'] : [])]
      if (lines.length > 0) await context.print.write(`${lines.join('\n')}\n`)
    },
  }),
]

/** Somebody has pressed Tab: without an answer there is nothing to offer, and nothing to say. */
async function lookUpNames(context: Context, ...[kind, before]: Parameters<LookUpNames>): Promise<string[]> {
  try {
    return await askNames(context, kind, before)
  } catch (error) {
    if (error instanceof CliError) return []
    throw error
  }
}

async function askNames({ api }: Context, ...[kind, before]: Parameters<LookUpNames>): Promise<string[]> {
  const names = (found: { name: string }[]) => found.map(({ name }) => name)
  switch (kind) {
    case 'database':
      return names(await api().databases.list())
    case 'table':
      return before === undefined ? [] : names(await api().tables.list(before))
    case 'schedule':
      return names(await api().schedules.list())
    case 'result':
      return names(await api().results.list())
    case 'user':
      return (await api().users.list()).map(({ email }) => email)
    case 'job':
      return (await api().jobs.list({ from: 0, to: MOST_JOBS - 1 })).map(({ job_id }) => job_id)
  }
}

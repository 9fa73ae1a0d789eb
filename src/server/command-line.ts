import { parseArgs } from 'node:util'
import type { Environment } from '../kernel/index.ts'
import { serverErrors } from './errors.ts'

/** One command: its options become settings, so that every one of them exists as a variable too. */
type Command = {
  summary: string
  usage: string
  /** option → [variable it sets, placeholder ('' = a switch), help] */
  options: Record<string, [env: string, placeholder: string, help: string]>
  /** Words it takes besides options. */
  words?: { least: number; most: number }
  examples: [command: string, does: string][]
}

const WHERE: Command['options'] = {
  'data-dir': [
    'MILLRACE_DATA_DIR',
    'DIR',
    'where everything is kept (root: /var/lib/millrace, others: ~/.millrace)',
  ],
}

export const COMMANDS: Record<string, Command> = {
  up: {
    summary: 'start Millrace and keep it running',
    usage: 'millrace up [options]',
    options: {
      ...WHERE,
      port: ['MILLRACE_PORT', 'PORT', 'listen here (8080; 0 picks a free port)'],
      host: ['MILLRACE_HOST', 'ADDRESS', 'listen on this address (127.0.0.1)'],
      'admin-port': [
        'MILLRACE_ADMIN_PORT',
        'PORT',
        'health and metrics, loopback only (8081; 0 picks a free port)',
      ],
      tls: ['MILLRACE_TLS', 'MODE', 'off, self-signed or files'],
      'tls-cert': ['MILLRACE_TLS_CERT', 'FILE', 'certificate chain, PEM'],
      'tls-key': ['MILLRACE_TLS_KEY', 'FILE', 'private key, PEM'],
      'plain-http': ['MILLRACE_PLAIN_HTTP', '', 'allow plain http beyond loopback'],
      'public-url': ['MILLRACE_PUBLIC_URL', 'URL', 'how users reach it, for links'],
      'database-url': [
        'MILLRACE_DATABASE_URL',
        'URL',
        'use this PostgreSQL 15-18 instead of the embedded one',
      ],
      'take-over-from': [
        'MILLRACE_TAKE_OVER_FROM',
        'HOST',
        'the host that holds the data directory is gone for certain',
      ],
      'log-format': ['MILLRACE_LOG_FORMAT', 'FORMAT', 'auto, pretty or json'],
      'log-level': ['MILLRACE_LOG_LEVEL', 'LEVEL', 'debug, info, warn or error'],
    },
    examples: [
      ['millrace up', 'start on http://127.0.0.1:8080 with data in the default place'],
      ['millrace up --data-dir ./data --port 9000', 'another place, another port'],
      ['millrace up --host 0.0.0.0 --tls self-signed', 'reachable from outside, encrypted'],
    ],
  },
  status: {
    summary: 'show the processes of a running Millrace',
    usage: 'millrace status [options]',
    options: { ...WHERE, json: ['MILLRACE_JSON', '', 'print JSON'] },
    examples: [['millrace status', 'one line per process; exit code 0 when all are ready, 1 otherwise']],
  },
  lag: {
    summary: 'show how long imports take until they can be queried, table by table',
    usage: 'millrace lag [options]',
    options: {
      ...WHERE,
      limit: ['MILLRACE_LAG_LIMIT', 'N', 'the N most delayed tables (20)'],
      json: ['MILLRACE_JSON', '', 'print JSON'],
    },
    examples: [
      [
        'millrace lag',
        'delay of the last commit of each table with one within the hour, the worst first; then what still waits',
      ],
      ['millrace lag --limit 1000 --json', 'for a script'],
    ],
  },
  restart: {
    summary: 'replace the processes of a running Millrace one after another',
    usage: 'millrace restart [PROCESS …] [options]',
    words: { least: 0, most: 200 },
    options: {
      ...WHERE,
      'with-database': [
        'MILLRACE_RESTART_DATABASE',
        '',
        'the embedded PostgreSQL too, at the end; callers wait meanwhile',
      ],
      json: ['MILLRACE_JSON', '', 'print JSON'],
    },
    examples: [
      ['millrace restart', 'every process; nothing is refused meanwhile, connections wait for the successor'],
      ['millrace restart worker-0 archivist-0', 'these two'],
      ['millrace restart --with-database', 'every process, then PostgreSQL'],
    ],
  },
  'key:create': {
    summary: 'make an API key for the owner, on the machine Millrace runs on',
    usage: 'millrace key:create [NAME] [options]',
    words: { least: 0, most: 1 },
    options: { ...WHERE, kind: ['MILLRACE_KEY_KIND', 'KIND', 'master, write or write-only (master)'] },
    examples: [
      ['millrace key:create laptop', 'a master key called laptop, printed once'],
      ['millrace key:create fluentd --kind write-only', 'a key that may only import'],
    ],
  },
  spool: {
    summary: 'look at what is accepted and not yet loaded',
    usage: 'millrace spool ls | show SPOOL [POSITION] | export SPOOL DIR',
    words: { least: 1, most: 3 },
    options: {
      ...WHERE,
      json: ['MILLRACE_JSON', '', 'print JSON'],
      limit: ['MILLRACE_SPOOL_LIMIT', 'N', 'show or export at most so many requests (show: 10)'],
    },
    examples: [
      ['millrace spool ls', 'one line per spool: requests, bytes, age of the oldest, damage'],
      ['millrace spool show ingest-0', 'the next requests to be loaded, with their contents'],
      ['millrace spool show ingest-0 7:4096 --limit 1', 'the one at this position'],
      [
        'millrace spool export ingest-0 ./rescued',
        'bodies as received, and records.ndjson that says what each is',
      ],
    ],
  },
  backup: {
    summary: 'copy the main database and all data of a running Millrace',
    usage: 'millrace backup DIR [options]',
    words: { least: 1, most: 1 },
    options: {
      ...WHERE,
      keep: ['MILLRACE_BACKUP_KEEP', 'N', 'remove older backups of DIR, keep the newest N'],
      json: ['MILLRACE_JSON', '', 'print JSON'],
    },
    examples: [
      [
        'millrace backup /mnt/backups',
        'one more backup; objects that are there already are not copied again',
      ],
      ['millrace backup /mnt/backups --keep 7', 'for a nightly cron job: a week of them'],
    ],
  },
  verify: {
    summary: 'read a backup and compare it with what was written',
    usage: 'millrace verify DIR [ID] [options]',
    words: { least: 1, most: 2 },
    options: {
      quick: ['MILLRACE_BACKUP_QUICK', '', 'compare sizes of objects only, not their contents'],
      json: ['MILLRACE_JSON', '', 'print JSON'],
    },
    examples: [
      ['millrace verify /mnt/backups', 'the newest; exit code 0 when it can be restored, 1 otherwise'],
      ['millrace verify /mnt/backups 20261122T031500Z', 'a certain one'],
    ],
  },
  restore: {
    summary: 'bring a backup back into an empty data directory',
    usage: 'millrace restore DIR [ID] [options]',
    words: { least: 1, most: 2 },
    options: {
      ...WHERE,
      'database-url': ['MILLRACE_DATABASE_URL', 'URL', 'restore into this (empty) PostgreSQL 15-18'],
      json: ['MILLRACE_JSON', '', 'print JSON'],
    },
    examples: [
      ['millrace restore /mnt/backups --data-dir /var/lib/millrace', 'the newest; then: millrace up'],
    ],
  },
  fsck: {
    summary: 'prove that catalog and files agree, mend what can be, make a lost catalog anew',
    usage: 'millrace fsck [options]',
    options: {
      ...WHERE,
      deep: ['MILLRACE_FSCK_DEEP', '', 'read the footer of every chunk, too'],
      mend: ['MILLRACE_FSCK_MEND', '', 'remove files that certainly belong to nobody'],
      'forget-missing': [
        'MILLRACE_FSCK_FORGET_MISSING',
        '',
        'give up the rows of chunks whose file is gone: queries of their table fail otherwise',
      ],
      'rebuild-catalog': [
        'MILLRACE_FSCK_REBUILD_CATALOG',
        '',
        'while nothing runs: make the lost main database anew from the files',
      ],
      'database-url': ['MILLRACE_DATABASE_URL', 'URL', 'rebuild into this (empty) PostgreSQL 15-18'],
      json: ['MILLRACE_JSON', '', 'print JSON'],
    },
    examples: [
      ['millrace fsck', 'while Millrace runs; exit code 0 when catalog and files agree, 1 otherwise'],
      [
        'millrace fsck --rebuild-catalog --data-dir /var/lib/millrace',
        'its directory postgres is lost: accounts, tables and chunks from the files; then: millrace up',
      ],
      ['millrace fsck --deep --json', 'for a weekly cron job: every footer is read'],
      [
        'millrace fsck --mend',
        'the same, and files of nobody are removed at once instead of by the next sweep',
      ],
    ],
  },
}

export type Parsed = { command: string; words: string[]; env: Environment }

/**
 * Reads the command line over the environment: an option wins over its variable.
 * @throws unknown_option (final) with the nearest name when a word is not known
 */
export function parseCommandLine(args: string[], env: Environment): Parsed {
  const [name = 'help', ...rest] = args
  if (['help', '--help', '-h'].includes(name)) return { command: 'help', words: rest, env }
  if (['version', '--version', '-v'].includes(name)) return { command: 'version', words: [], env }
  const command = COMMANDS[name]
  if (!command)
    throw serverErrors.unknown_option(
      `unknown command '${name}'${suggestion(name, Object.keys(COMMANDS))}; see 'millrace help'`,
    )
  if (rest.includes('--help') || rest.includes('-h')) return { command: 'help', words: [name], env }
  return { command: name, ...parseOptions(name, command, rest, env) }
}

function parseOptions(
  name: string,
  command: Command,
  rest: string[],
  env: Environment,
): Omit<Parsed, 'command'> {
  const options = Object.fromEntries(
    Object.entries(command.options).map(([option, [, placeholder]]) => [
      option,
      { type: placeholder === '' ? ('boolean' as const) : ('string' as const) },
    ]),
  )
  const { tokens } = parseArgs({ args: rest, options, strict: false, allowPositionals: true, tokens: true })
  const words: string[] = []
  const set: Environment = { ...env }
  for (const token of tokens) {
    if (token.kind === 'positional') words.push(token.value)
    if (token.kind !== 'option') continue
    const option = command.options[token.name]
    if (!option) {
      const known = Object.keys(command.options)
      throw serverErrors.unknown_option(
        `unknown option ${token.rawName}${suggestion(token.name, known, '--')}; see 'millrace help ${name}'`,
      )
    }
    const [variable, placeholder] = option
    if (placeholder !== '' && token.value === undefined)
      throw serverErrors.unknown_option(`option ${token.rawName} needs a value: ${placeholder}`)
    set[variable] = placeholder === '' ? 'true' : token.value
  }
  const { least, most } = command.words ?? { least: 0, most: 0 }
  if (words.length < least || words.length > most) {
    throw serverErrors.unknown_option(
      `usage: ${command.usage}${words.length > most ? ` ('${words[most]}' is one word too many)` : ''}`,
    )
  }
  return { words, env: set }
}

function suggestion(word: string, known: string[], prefix = ''): string {
  const near = known.map((name) => ({ name, far: distance(word, name) })).sort((a, b) => a.far - b.far)[0]
  return near && near.far <= Math.max(2, word.length / 3) ? ` (did you mean '${prefix}${near.name}'?)` : ''
}

/** Levenshtein distance. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1))
    }
    row = next
  }
  return row[b.length]
}

/** The text of `millrace help` or `millrace help COMMAND`. */
export function helpText(name?: string): string {
  const command = name === undefined ? undefined : COMMANDS[name]
  if (name !== undefined && !command)
    return `unknown command '${name}'${suggestion(name, Object.keys(COMMANDS))}\n\n${helpText()}`
  if (!command) {
    const lines = Object.entries(COMMANDS).map(([word, { summary }]) => `  ${word.padEnd(12)} ${summary}`)
    return [
      'Millrace: collect, store and query event data; keep going while the main database is away.',
      '',
      'usage: millrace COMMAND [options]',
      '',
      ...lines,
      `  ${'help'.padEnd(12)} this text, or 'millrace help COMMAND'`,
      `  ${'version'.padEnd(12)} the version`,
      '',
      'Every option is also a setting: docs/reference/settings.md lists them all.',
      '',
    ].join('\n')
  }
  const options = Object.entries(command.options).map(([option, [variable, placeholder, help]]) => {
    const left = `--${option}${placeholder === '' ? '' : ` ${placeholder}`}`
    return `  ${left.padEnd(24)} ${help} [${variable}]`
  })
  const examples = command.examples.flatMap(([line, does]) => [`  ${line}`, `      ${does}`])
  return [
    `${name}: ${command.summary}`,
    '',
    `usage: ${command.usage}`,
    '',
    'options:',
    ...options,
    '',
    'examples:',
    ...examples,
    '',
  ].join('\n')
}

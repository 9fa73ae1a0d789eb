import type { Argument, Command as CliCommand, Given, Option } from '../../cli/src/index.ts'
import type { Environment } from '../kernel/index.ts'

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
  doctor: {
    summary: 'look for what is wrong with an installation, whether it runs or not',
    usage: 'millrace doctor [options]',
    options: {
      ...WHERE,
      'database-url': ['MILLRACE_DATABASE_URL', 'URL', 'the external main database, where there is one'],
      all: ['MILLRACE_DOCTOR_ALL', '', 'show what was found sound, too'],
      json: ['MILLRACE_JSON', '', 'print JSON'],
    },
    examples: [
      [
        'millrace doctor',
        'settings, disk, ports, certificate, database, processes, data; exit code 0 sound, 1 with a warning, 2 with an error',
      ],
      ['millrace doctor --all', 'says what was looked at'],
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

/** Does one of them, its options as settings. @returns the exit code */
export type RunCommand = (name: string, words: string[], env: Environment) => Promise<number>

/** The commands of this machine for the command line, which parses, explains and completes them as all others. */
export function serverCommands(run: RunCommand): CliCommand[] {
  return Object.entries(COMMANDS).map(([name, declared]) => ({
    name,
    topic: 'node',
    summary: declared.summary,
    usage: declared.usage,
    arguments: argumentsOf(declared),
    options: Object.fromEntries(
      Object.entries(declared.options).map(([option, setting]) => [option, optionOf(option, setting)]),
    ),
    examples: declared.examples,
    callsServer: false,
    run: ({ env }, { words, options }: Given) =>
      run(name, Object.values(words as Record<string, string | string[] | undefined>).flatMap(listed), {
        ...env,
        ...settingsOf(declared, options),
      }),
  }))
}

const listed = (word: string | string[] | undefined) =>
  word === undefined ? [] : Array.isArray(word) ? word : [word]

/** Named as in the usage line; `ls | show SPOOL | …` has no names for its words. */
function argumentsOf({ usage, words = { least: 0, most: 0 } }: Command): Argument[] {
  const names = usage.includes('|') ? [] : (usage.match(/\b[A-Z]{2,}\b/g) ?? [])
  if (words.most > 9)
    return [
      { name: names[0] ?? 'WORD', help: '', many: true, ...(words.least === 0 ? { optional: true } : {}) },
    ]
  return Array.from({ length: words.most }, (_, i) => ({
    name: names[i] ?? `WORD${i + 1}`,
    help: '',
    ...(i >= words.least ? { optional: true as const } : {}),
  }))
}

function optionOf(name: string, [variable, placeholder, help]: Command['options'][string]): Option {
  const text = `${help} [${variable}]`
  if (placeholder === '') return { kind: 'switch', help: text }
  const isPath = ['DIR', 'FILE'].includes(placeholder) || name === 'data-dir'
  return { kind: 'text', placeholder, help: text, ...(isPath ? { completes: 'file' as const } : {}) }
}

/** An option wins over its variable; what was not given leaves it alone. */
function settingsOf({ options }: Command, given: Record<string, unknown>): Environment {
  const set = Object.entries(options).flatMap(([name, [variable, placeholder]]) => {
    const value = given[name]
    if (value === undefined || value === false) return []
    return [[variable, placeholder === '' ? 'true' : String(value)] as const]
  })
  return Object.fromEntries(set)
}

import { homedir } from 'node:os'
import { join } from 'node:path'
import { defineSettings } from '../kernel/index.ts'

export const readServerSettings = defineSettings('server', {
  dataDir: {
    env: 'MILLRACE_DATA_DIR',
    type: 'optional-text',
    help: 'Directory that holds everything: database, chunks, spools, snapshot. Default: `/var/lib/millrace` as root, otherwise `~/.millrace`.',
  },
  objectsDir: {
    env: 'MILLRACE_OBJECTS_DIR',
    type: 'optional-text',
    example: '/srv/millrace/objects',
    help: 'Directory for chunks, results and uploaded parts, where it is not to be `objects` in the data directory. Nodes of one machine that share a main database name the same one, or they cannot read each other’s chunks. Set before the first start; it cannot be changed afterwards.',
  },
  takeOverFrom: {
    env: 'MILLRACE_TAKE_OVER_FROM',
    type: 'optional-text',
    example: 'old-host',
    help: 'The operator’s word that the Millrace of this host, which holds the data directory, is gone for certain. For one start, after a volume has moved to another machine.',
  },
  host: {
    env: 'MILLRACE_HOST',
    type: 'text',
    default: '127.0.0.1',
    help: 'Address to listen on. Anything but loopback needs TLS or `MILLRACE_PLAIN_HTTP`.',
  },
  port: {
    env: 'MILLRACE_PORT',
    type: 'integer',
    default: 8080,
    least: 0,
    most: 65535,
    help: 'Port for everything HTTP; 0 picks a free one.',
  },
  gatewayPort: {
    env: 'MILLRACE_GATEWAY_PORT',
    type: 'integer',
    default: 8090,
    least: 0,
    most: 65535,
    help: 'Port of the query gateway (Presto and Trino clients, JDBC); 0 picks a free one, as does MILLRACE_PORT=0 where this is not set.',
  },
  adminPort: {
    env: 'MILLRACE_ADMIN_PORT',
    type: 'integer',
    default: 8081,
    least: 0,
    most: 65535,
    help: 'Port on loopback for `/healthz`, `/readyz`, `/processes` and `/metrics`; 0 picks a free one.',
  },
  databaseUrl: {
    env: 'MILLRACE_DATABASE_URL',
    type: 'optional-text',
    example: 'postgres://millrace:secret@db.example.org:5432/millrace',
    help: 'Use this PostgreSQL (15 to 18) instead of the embedded one. The user should have CREATEROLE for full fencing.',
  },
  tls: {
    env: 'MILLRACE_TLS',
    type: 'choice',
    choices: ['off', 'self-signed', 'files'],
    default: 'off',
    help: '`self-signed` makes a certificate in the data directory; `files` reads MILLRACE_TLS_CERT and MILLRACE_TLS_KEY and follows their changes.',
  },
  tlsCert: { env: 'MILLRACE_TLS_CERT', type: 'optional-text', help: 'PEM file with the certificate chain.' },
  tlsKey: { env: 'MILLRACE_TLS_KEY', type: 'optional-text', help: 'PEM file with the private key.' },
  plainHttp: {
    env: 'MILLRACE_PLAIN_HTTP',
    type: 'boolean',
    default: false,
    help: 'Allow plain http beyond loopback, for trusted networks.',
  },
  publicUrl: {
    env: 'MILLRACE_PUBLIC_URL',
    type: 'optional-text',
    example: 'https://events.example.org',
    help: 'What users see in links, when a proxy or another name stands in front.',
  },
  trustedProxies: {
    env: 'MILLRACE_TRUSTED_PROXIES',
    type: 'list',
    default: [],
    help: 'Addresses or CIDR ranges whose X-Forwarded-For and X-Forwarded-Proto are believed.',
  },
  ingestProcesses: {
    env: 'MILLRACE_INGEST_PROCESSES',
    type: 'integer',
    default: 1,
    least: 1,
    most: 64,
    help: 'Edge processes; each has its own spool.',
  },
  workerProcesses: {
    env: 'MILLRACE_WORKER_PROCESSES',
    type: 'integer',
    default: 1,
    least: 0,
    most: 64,
    help: 'Processes that run jobs.',
  },
  requestsPerSecond: {
    env: 'MILLRACE_REQUESTS_PER_SECOND',
    type: 'integer',
    default: 500,
    least: 0,
    help: 'Requests a second that one API key (or one user at the console) may send to the REST API, on average over ten seconds; beyond it 429 with Retry-After. 0 = no limit. Imports and events are not counted.',
  },
  logFormat: {
    env: 'MILLRACE_LOG_FORMAT',
    type: 'choice',
    choices: ['auto', 'pretty', 'json'],
    default: 'auto',
    help: '`auto`: readable on a terminal, JSON lines otherwise.',
  },
  logLevel: {
    env: 'MILLRACE_LOG_LEVEL',
    type: 'choice',
    choices: ['debug', 'info', 'warn', 'error'],
    default: 'info',
    help: 'Least level that is logged.',
  },
})

export type ServerSettings = ReturnType<typeof readServerSettings>

/** `/var/lib/millrace` as root, `~/.millrace` otherwise, unless set. */
export function dataDirectory(settings: ServerSettings, uid = process.getuid?.()): string {
  return settings.dataDir ?? (uid === 0 ? '/var/lib/millrace' : join(homedir(), '.millrace'))
}

/** Node keeps compiled modules here for the next start. */
export function compileCacheIn(dataDir: string): string {
  return join(dataDir, 'cache', 'compile')
}

import type { Options } from './command.ts'

/**
 * Before the command, as td has them, or after it, unless the command means something else by the letter or the word:
 * `query -r URL` and `query --wait` are its own, `millrace --wait 5m query -w …` is this one.
 */
export const GLOBAL_OPTIONS = {
  config: {
    kind: 'text',
    short: 'c',
    placeholder: 'FILE',
    completes: 'file',
    help: 'read key and endpoint from this file',
  },
  apikey: { kind: 'text', short: 'k', placeholder: 'KEY', help: 'the API key' },
  endpoint: {
    kind: 'text',
    short: 'e',
    placeholder: 'URL',
    help: 'the server, such as http://127.0.0.1:8080',
  },
  'import-endpoint': { kind: 'text', placeholder: 'URL', help: 'the server for imports, when it is another' },
  insecure: { kind: 'switch', help: 'do not check the certificate of the server' },
  wait: {
    kind: 'duration',
    placeholder: 'DURATION',
    help: 'how long to wait while the server is away (90s, 15m, 2h; 0: not at all). Without it reads wait for 30 s, writes until the announced end of the maintenance or for 15 minutes',
  },
  json: { kind: 'switch', help: 'print JSON, everything the server has said' },
  'no-color': { kind: 'switch', help: 'no colours, even on a terminal' },
  verbose: { kind: 'switch', short: 'v', help: 'show every request on standard error' },
  'retry-post-requests': {
    kind: 'switch',
    short: 'r',
    hidden: true,
    help: 'understood for the sake of td; writes are always repeated where that cannot double them',
  },
  version: { kind: 'switch', hidden: true, help: 'print the version, in place of a command' },
  help: { kind: 'switch', short: 'h', help: 'explain the command' },
} as const satisfies Options
export type GlobalOptions = typeof GLOBAL_OPTIONS

import { errorTable } from '../kernel/index.ts'

export const serverErrors = errorTable('server', {
  already_running: {
    status: 500,
    advice: 'final',
    message: (d) => `another millrace is running on this data directory: ${d}`,
    help: 'Stop the other one first, or give this one its own --data-dir. One on another host cannot be seen from here: when that host or container is gone for certain, remove the named file.',
  },
  port_taken: {
    status: 500,
    advice: 'final',
    message: (d) => `cannot listen on ${d}`,
    help: 'Another program listens there. Choose another port with --port (0 picks a free one) or stop that program.',
  },
  plain_http_refused: {
    status: 500,
    advice: 'final',
    message: (d) => `refusing to serve plain http on ${d}: API keys would travel unencrypted`,
    help: 'Use --tls self-signed or certificate files, put a TLS proxy in front and listen on 127.0.0.1, or say --plain-http if the network is trusted.',
  },
  unknown_option: {
    status: 500,
    advice: 'final',
    message: (d) => d,
    help: 'The command line has a word the command does not know; `millrace help COMMAND` lists them.',
  },
  data_directory_unusable: {
    status: 500,
    advice: 'final',
    message: (d) => `the data directory cannot be used: ${d}`,
    help: 'Check owner and permissions, or choose another with --data-dir.',
  },
  supervisor_unreachable: {
    status: 503,
    advice: 'retry',
    message: (d) => `the running Millrace cannot be asked: process ${d}`,
    help: 'It is stopping, or it belongs to another user: ask as the user who started it.',
  },
  child_gone: {
    status: 503,
    advice: 'retry',
    message: (d) => `${d} is not running at the moment`,
    help: 'A process is being restarted by the supervisor; its log lines say why.',
  },
})

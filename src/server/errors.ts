import { errorTable } from '../kernel/index.ts'

export const serverErrors = errorTable('server', {
  already_running: {
    status: 500,
    advice: 'final',
    message: (d) => `another millrace is running on this data directory: ${d}`,
    help: 'Stop the other one first, or give this one its own --data-dir.',
  },
  held_elsewhere: {
    status: 500,
    advice: 'final',
    message: (d) => `the data directory is held from another machine, which cannot be asked from here: ${d}`,
    help: 'Two at work on one data directory destroy it. If the other one runs, stop it. If its machine is gone for certain (switched off, or the volume was moved), start once with --take-over-from and its name. Containers recreated on the same machine need none of this.',
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
  data_directory_newer: {
    status: 500,
    advice: 'final',
    message: (d) => `the data directory was written by a newer release: ${d}`,
    help: 'Start the newer release again. This one would take what it cannot read for damage; it has changed nothing.',
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
  restart_refused: {
    status: 409,
    advice: 'final',
    message: (d) => `nothing was restarted: ${d}`,
    help: 'One rolling restart goes on at a time; `millrace status` names the processes. An external database is restarted by whoever runs it.',
  },
})

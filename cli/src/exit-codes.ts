/** What the shell is told; docs/reference/cli.md lists them. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  away: 3,
  unknown: 4,
  rejected: 5,
  interrupted: 130,
} as const

export const EXIT_CODES: Record<keyof typeof EXIT, string> = {
  done: 'Done as asked.',
  failed: 'Refused by the server, not found, or the job that was waited for did not succeed.',
  usage: 'The command line was not understood, or something needed was not given. Nothing was sent.',
  away: 'The server was not reached, or not able to, for as long as was waited. Nothing was changed.',
  unknown:
    'The request was sent and the answer was lost: it is not known whether it took effect. The message says how to find out.',
  rejected:
    'The import is done, but some rows could not be read: they were counted, and the first of them shown with line and reason.',
  interrupted: 'Ended by Ctrl-C. The message says what was done and what was not.',
}

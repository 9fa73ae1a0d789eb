import { errorTable } from '../kernel/index.ts'

export const consoleErrors = errorTable('console', {
  sign_in_failed: {
    status: 401,
    advice: 'final',
    message: () => 'a write-only key may only import; sign in with a master key or a password',
    help: '`millrace key:create` makes a master key on the machine itself.',
  },
  session_ended: {
    status: 401,
    advice: 'final',
    message: () => 'your session has ended; sign in again',
    help: 'Sessions last twelve hours and end when the user signs out, is removed or gets another password.',
  },
  session_unverifiable: {
    status: 503,
    advice: 'retry',
    message: (d) => `your session cannot be checked at the moment: ${d}`,
    help: 'The user could not be looked up; the session is not lost.',
  },
  sign_out_unsaved: {
    status: 503,
    advice: 'retry',
    message: (d) => `you are signed out, but that could not be written down: ${d}`,
    help: 'The data directory could not be written, usually because the disk is full. A restart now would forget the sign-out; do it again.',
  },
  ended_sessions_unreadable: {
    status: 500,
    advice: 'final',
    message: (d) => `the list of sessions that were signed out of cannot be read: ${d}`,
    help: 'A newer release wrote the data directory; start that one. Removing the file would bring sessions back that were signed out of in the last twelve hours.',
  },
  csrf_token_wrong: {
    status: 403,
    advice: 'final',
    message: () => 'this change did not come from the console page; reload it',
    help: 'Requests with the console cookie that change something need the token the page was given.',
  },
})

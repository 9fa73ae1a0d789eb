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
    help: 'Sessions last twelve hours and end when the user is removed.',
  },
  session_unverifiable: {
    status: 503,
    advice: 'retry',
    message: (d) => `your session cannot be checked at the moment: ${d}`,
    help: 'The user could not be looked up; the session is not lost.',
  },
  csrf_token_wrong: {
    status: 403,
    advice: 'final',
    message: () => 'this change did not come from the console page; reload it',
    help: 'Requests with the console cookie that change something need the token the page was given.',
  },
})

import { errorTable } from '../kernel/index.ts'

export const scheduleErrors = errorTable('schedules', {
  schedule_unknown: {
    status: 404,
    advice: 'final',
    message: (d) => `schedule '${d}' does not exist`,
    help: 'The account has no saved query of that name; it was looked up in the main database.',
  },
  schedule_away: {
    status: 503,
    advice: 'retry',
    message: (d) => `schedule '${d}' cannot be looked up while the main database is away, retry later`,
    help: 'The main database is away and the snapshot does not hold the schedule. Ask again.',
  },
  schedule_exists: {
    status: 409,
    advice: 'final',
    message: (d) => `schedule '${d}' already exists`,
    help: 'Names of saved queries are unique within an account.',
  },
  schedule_backlog: {
    status: 409,
    advice: 'final',
    message: (d) =>
      `more than 1000 slots of schedule '${d}' have not begun: change its cron when they have, or empty the cron first, which gives them up`,
    help: 'A change of cron or time zone keeps the slots whose time has come; here there are too many of them, after an absence or a long delay. Nothing was changed.',
  },
  run_incomplete: {
    status: 503,
    advice: 'retry',
    message: (d) => `not all runs could be started: ${d}`,
    help: 'Some jobs of schedule/run were taken and the next one was not; the message lists them. With a domain_key the request may be sent again: it starts what is missing.',
  },
  schedule_invalid: {
    status: 422,
    advice: 'final',
    message: (d) => `Validation failed: ${d}`,
    help: 'A parameter of the saved query is missing or wrong; the message names it. Nothing was changed.',
  },
})

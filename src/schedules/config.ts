import { defineSettings } from '../kernel/index.ts'

export const scheduleSettings = defineSettings('schedules', {
  catchUpSeconds: {
    env: 'MILLRACE_SCHEDULES_CATCH_UP_SECONDS',
    type: 'integer',
    default: 300,
    least: 0,
    most: 86_400,
    help: 'Over how long the runs that an absence of the main database delayed are spread, in order, with jitter.',
  },
})

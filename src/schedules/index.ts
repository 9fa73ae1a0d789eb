export { removeOldRuns } from './retention.ts'
export { addScheduleRoutes, type ScheduleRoutesDeps } from './routes.ts'
export { createScheduler, type SchedulerOptions } from './scheduler.ts'
export type * from './types.ts'

export { visibleDatabases } from './access.ts'
export { jobSettings } from './config.ts'
export { createEndsReader, type EndsJournal, type EndsReader, openEndsJournal } from './ends.ts'
export { announceJob, type IssueDeps, issueJob } from './issue.ts'
export { jobHeads } from './job-heads.ts'
export { openJournal } from './journal.ts'
export { killJob } from './kill.ts'
export { isFinished, JOB_STATUSES, type JobStatus } from './life.ts'
export { countQueued, type JobLoad, readJobLoad } from './load-store.ts'
export { addLocalClaims, type LocalClaimsDeps } from './local-claims.ts'
export { type Answer, type JobSources, lookUpJob, lookUpJobs, lookUpJobsOfSchedule } from './lookup.ts'
export { type JobMetrics, jobMetrics } from './metrics.ts'
export { killJobsOf } from './of-user.ts'
export { instantOf, priorityOf, requireNoOutput, requireOfferedType, retryLimitOf } from './parameters.ts'
export { type GateView, patientUpTo } from './patience.ts'
export { type LocalQueue, openLocalQueue } from './queue.ts'
export { createQueueRoom, type QueueRoom } from './queue-room.ts'
export { createQueueService, type QueueService } from './queue-service.ts'
export { jobBody } from './render.ts'
export { openResult } from './result.ts'
export type { ResultFormat } from './result-formats.ts'
export {
  type JobRetention,
  jobOfResult,
  orphanResultsAmong,
  type RetentionDeps,
  removeOldJobs,
  removeOrphanResults,
} from './retention.ts'
export { addJobRoutes, type JobRoutesDeps, noteAge } from './routes.ts'
export type * from './runner.ts'
export { createShownEnds } from './shown-ends.ts'
export { insertJob } from './store.ts'
export type * from './types.ts'
export { createWorker, type Worker, type WorkerOptions } from './worker.ts'

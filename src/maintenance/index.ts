export { maintenanceErrors } from './errors.ts'
export { type Journal, type JournalLine, openJournal, readJournal } from './journal.ts'
export {
  checkNoticeText,
  type Notice,
  type NoticeContext,
  noticeHtml,
  noticeOf,
  noticeText,
} from './notice/index.ts'
export {
  type Component,
  type Finding,
  type LintContext,
  lintPlan,
  type Plan,
  readPlan,
  tooLate,
} from './plan/index.ts'
export {
  EVENTS,
  type Event,
  nextState,
  PUBLIC,
  type PublicStatus,
  STATES,
  type State,
  TRANSITIONS,
} from './states.ts'

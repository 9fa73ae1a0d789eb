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

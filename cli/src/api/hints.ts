import type { Refused } from './errors.ts'

/** What to do about a refusal, by the code a Millrace gives it; of other servers by its status. */
const HINTS: Record<string, string> = {
  failed_to_login:
    "The key was looked up and is not good. 'millrace apikey:show' says where it was read, 'millrace account -f' gets another.",
  http_401: "The key is not good. 'millrace apikey:show' says where it was read.",
  database_unknown: "'millrace db:list' lists what there is; 'millrace db:create' makes one.",
  table_unknown: "'millrace db:show DATABASE' lists what there is; 'millrace table:create' makes one.",
  job_unknown: "'millrace job:list' lists what there is.",
  schedule_unknown: "'millrace sched:list' lists what there is.",
  user_unknown: "'millrace user:list' lists what there is.",
  not_authorized:
    "'millrace account:show' says who you are; an administrator grants permissions: millrace help acl:grant",
  not_restorable: "'millrace table:deleted' lists what can be brought back.",
  type_not_offered: 'Leave --type out, or use presto.',
}

/** A sentence for whoever was refused; undefined where the message says it all. */
export function hintFor({ code, bodyDetails }: Pick<Refused, 'code' | 'bodyDetails'>): string | undefined {
  const job = bodyDetails.conflicts_with
  if (job !== undefined) return `See it with 'millrace job:show ${job}'.`
  return HINTS[code]
}

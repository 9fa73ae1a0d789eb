import type { Performance } from './types.ts'

/**
 * Everything of a session lies under its number: what was uploaded, and what each attempt at performing it made. Chunks
 * stay where they are when they are committed.
 */
export const ROOT = 'bulk-import/'

export function partPath(session: bigint, upload: string): string {
  return `${ROOT}${session}/parts/${upload}`
}

export function performancePrefix({ session, job, attempt }: Performance): string {
  return `${ROOT}${session}/${job}-${attempt}/`
}

export const chunkPath = (performance: Performance, number: number) =>
  `${performancePrefix(performance)}${number}.parquet`
export const manifestPath = (performance: Performance) => `${performancePrefix(performance)}manifest.json`
export const errorsPath = (performance: Performance) => `${performancePrefix(performance)}errors.msgpack.gz`

/** Whose a file is; undefined for one that is not ours to judge. `job` and `attempt` are null for an uploaded part. */
export function ownerOf(
  path: string,
): { session: bigint; job: bigint | null; attempt: number | null } | undefined {
  const [, session, job, attempt] =
    /^bulk-import\/(\d{1,18})\/(?:parts|(\d{1,18})-(\d{1,9}))\/[^/]+$/.exec(path) ?? []
  if (session === undefined) return undefined
  if (job === undefined) return { session: BigInt(session), job: null, attempt: null }
  return { session: BigInt(session), job: BigInt(job), attempt: Number(attempt) }
}

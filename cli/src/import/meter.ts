import type { Context } from '../context.ts'
import { clockText } from '../duration.ts'
import type { Tally } from './run.ts'

const BAR = 16
/** Where nobody looks, what is over soon needs no line. */
const QUIET_MS = 10_000

type File = { name: string; readBytes: number; totalBytes: number | undefined }

/** How far an import has come: a bar that redraws itself on a terminal, a line each minute elsewhere. */
export function createMeter({ now, progress }: Pick<Context, 'now' | 'progress'>) {
  let begun: { name: string; atMs: number; bytes: number } | undefined
  return {
    show(tally: Tally, { name, totalBytes }: File): void {
      // The clock runs from the first bytes of this run: what an earlier one had stored says nothing about the rate.
      if (begun?.name !== name || tally.skippedRows === tally.rows)
        begun = { name, atMs: now().getTime(), bytes: begun?.name === name ? tally.bytes : 0 }
      const { atMs, bytes } = begun
      if (!progress.isLive && now().getTime() - atMs < QUIET_MS) return
      const shown = { ...tally }
      progress.show(`import ${name}`, () =>
        meterText(shown, { name, totalBytes, elapsedMs: now().getTime() - atMs, since: bytes }),
      )
    },
  }
}

export function meterText(
  { rows, bytes, rejected }: Pick<Tally, 'rows' | 'bytes' | 'rejected'>,
  {
    name,
    totalBytes,
    elapsedMs,
    since,
  }: { name: string; totalBytes: number | undefined; elapsedMs: number; since: number },
): string {
  const perSecond = elapsedMs > 0 ? ((bytes - since) * 1000) / elapsedMs : 0
  const share = totalBytes === undefined || totalBytes === 0 ? undefined : Math.min(1, bytes / totalBytes)
  const left = share === undefined || perSecond <= 0 ? undefined : (totalBytes! - bytes) / perSecond
  // What is cut off on a narrow terminal is what matters least.
  const parts = [
    share === undefined ? name : `${name} ${bar(share)} ${Math.floor(share * 100)} %`,
    left === undefined ? '' : `${clockText(left * 1000)} left`,
    `${rows.toLocaleString('en')} rows`,
    rejected > 0 ? `${rejected.toLocaleString('en')} refused` : '',
    perSecond > 0 ? `${megabytes(perSecond)}/s` : '',
    totalBytes === undefined ? megabytes(bytes) : `of ${megabytes(totalBytes)}`,
  ]
  return parts.filter(Boolean).join('  ')
}

function bar(share: number): string {
  const filled = Math.round(share * BAR)
  return '█'.repeat(filled) + '░'.repeat(BAR - filled)
}

function megabytes(bytes: number): string {
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(bytes < 1e4 ? 1 : 0)} kB`
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`
}

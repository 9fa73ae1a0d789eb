import { configErrors } from '../kernel/index.ts'
import type { DiskSettings } from './config.ts'

/** In the order in which they are reached; each includes those before it. */
export const DISK_STAGES = ['roomy', 'engine-temp', 'results', 'compaction', 'imports'] as const
export type DiskStage = (typeof DISK_STAGES)[number]

export type DiskState = {
  stage: DiskStage
  /** Of the fuller one where the objects are on another disk than the rest; null while unknown. */
  freeBytes: number | null
  /** Bytes the reserve holds at the moment. */
  reserveBytes: number
}

/** Where nothing has been heard yet nothing is shed. */
export const UNKNOWN_DISK: DiskState = { stage: 'roomy', freeBytes: null, reserveBytes: 0 }

const THRESHOLDS = {
  'engine-temp': 'tempFreeBytes',
  results: 'resultsFreeBytes',
  compaction: 'compactionFreeBytes',
  imports: 'importsFreeBytes',
} as const satisfies Record<Exclude<DiskStage, 'roomy'>, keyof DiskSettings>

/** A stage ends only so far above its beginning: what it stops would bring it back at once. */
const LEAVE_AT = 1.1

export const rankOf = (stage: DiskStage): number => DISK_STAGES.indexOf(stage)

/** The stage for so much free space, coming from another one. */
export function stageFor(freeBytes: number, before: DiskStage, settings: DiskSettings): DiskStage {
  let stage: DiskStage = 'roomy'
  for (const [name, setting] of Object.entries(THRESHOLDS) as [
    Exclude<DiskStage, 'roomy'>,
    (typeof THRESHOLDS)[keyof typeof THRESHOLDS],
  ][]) {
    const isIn = rankOf(before) >= rankOf(name)
    if (freeBytes < settings[setting] * (isIn ? LEAVE_AT : 1)) stage = name
  }
  return stage
}

/** @throws setting_invalid (final) when a later stage would begin before an earlier one */
export function checkThresholds(settings: DiskSettings): void {
  const values = Object.values(THRESHOLDS).map((name) => settings[name])
  // 0 switches a stage off, wherever it stands.
  const used = values.filter((value) => value > 0)
  if (used.some((value, index) => index > 0 && value > used[index - 1]!))
    throw configErrors.setting_invalid(
      `MILLRACE_DISK_…_FREE_BYTES: ${values.join(', ')} (temp, results, compaction, imports: none may be larger than one before it)`,
    )
}

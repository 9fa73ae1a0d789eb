import { join } from 'node:path'
import { configErrors, defineSettings } from '../kernel/index.ts'

export const readSpoolSettings = defineSettings('spool', {
  segmentBytes: {
    env: 'MILLRACE_SPOOL_SEGMENT_BYTES',
    type: 'integer',
    default: 64 * 1024 * 1024,
    least: 64 * 1024,
    most: 1024 * 1024 * 1024,
    help: 'Size of a spool segment file. Each is filled with zeros once and then used again and again.',
  },
  quotaBytes: {
    env: 'MILLRACE_SPOOL_QUOTA_BYTES',
    type: 'integer',
    default: 10 * 1024 * 1024 * 1024,
    least: 64 * 1024,
    help: 'Accepted but not yet loaded bytes per spool, beyond which imports are answered 503.',
  },
  reserveBytes: {
    env: 'MILLRACE_SPOOL_RESERVE_BYTES',
    type: 'integer',
    default: 512 * 1024 * 1024,
    least: 0,
    help: 'Free disk space the spool leaves to others: it makes no new segment that would go below.',
  },
  durability: {
    env: 'MILLRACE_DURABILITY',
    type: 'choice',
    choices: ['local', 'local-twice'],
    default: 'local',
    help: '`local`: an acknowledged request is on this disk; it survives kill -9 and power loss. `local-twice`: on two disks; it survives the loss of either.',
  },
  secondDirectory: {
    env: 'MILLRACE_SPOOL_SECOND_DIR',
    type: 'optional-text',
    example: '/mnt/disk2/millrace-spool',
    help: 'For `local-twice`: a directory on another disk, used by this node only.',
  },
  spareSegments: {
    env: 'MILLRACE_SPOOL_SPARE_SEGMENTS',
    type: 'integer',
    default: 2,
    least: 1,
    most: 64,
    help: 'How many used segment files are kept for use again; more are removed.',
  },
})
/**
 * Where the spool of this name has its second copy; undefined with durability `local`.
 * @throws setting_invalid (final) for `local-twice` without a directory
 */
export function secondDirectoryOf(settings: SpoolSettings, name: string): string | undefined {
  if (settings.durability === 'local') return undefined
  if (settings.secondDirectory === undefined)
    throw configErrors.setting_invalid(
      'MILLRACE_DURABILITY=local-twice needs MILLRACE_SPOOL_SECOND_DIR, a directory on another disk',
    )
  return join(settings.secondDirectory, name)
}

export type SpoolSettings = ReturnType<typeof readSpoolSettings>

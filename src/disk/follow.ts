import type { Channel } from '../kernel/index.ts'
import { type DiskStage, type DiskState, rankOf, UNKNOWN_DISK } from './stages.ts'

export const DISK_TOPIC = 'disk'

export type DiskFollower = {
  current(): DiskState
  /** Whether what this stage does without is to be left now. */
  sheds(stage: Exclude<DiskStage, 'roomy'>): boolean
}

/** In a child: what the supervisor says about the disk. Until it has said something, there is room. */
export function followDisk(channel: Channel): DiskFollower {
  let state = UNKNOWN_DISK
  channel.on(DISK_TOPIC, (body) => {
    state = body as DiskState
  })
  return { current: () => state, sheds: (stage) => rankOf(state.stage) >= rankOf(stage) }
}

import type { Impact } from './impact.ts'

/** The hooks that take the database away and bring it back. */
export const HOOKS = ['logical-switch', 'move-datadir', 'pg-upgrade', 'external'] as const
export type HookName = (typeof HOOKS)[number]

/** `production` refuses what could go wrong; `laptop` (one disk, minutes of notice) warns of it and says so publicly. */
export const PROFILES = ['production', 'laptop'] as const
export type Profile = (typeof PROFILES)[number]

/** Of one component: what the notice promises and the probes measure. */
export type ComponentPromise = {
  /** One word, or one each for reading and writing. */
  maintenance: { all: Impact } | { reads: Impact; writes: Impact }
  /** Recovery: 95 of 100 answers within so many times the baseline. */
  recoveryP95Factor: number
  /** When what was accepted can be queried. */
  visibleAfter?: 'maintenance' | 'recovery'
  /** By how much running work may take longer. */
  extraMs?: number
  /** How long a waiting client is held before it is told of the maintenance. */
  holdAtMostMs?: number
  failedSessions?: number
}

/** One maintenance as it was planned; all instants in milliseconds since 1970, all lengths in milliseconds. */
export type Plan = {
  id: string
  region: string
  title: string
  reason: { text: string; incident?: string }
  window: { opensMs: number; closesMs: number }
  operation: { startsMs: number; maintenanceAtMostMs: number; recoveryAtMostMs: number }
  notice: { minimumMs: number; remindMs: number[]; zones: string[] }
  profile: Profile
  hook: { use: HookName; options: Record<string, string | number | boolean> }
  components: Map<string, ComponentPromise>
  unaffected: string[]
  contact: string
}

/** Something wrong with a plan: where, and what to do about it. `refuse` keeps it from being announced. */
export type Finding = { level: 'refuse' | 'warn'; path: string; says: string }

/** A component of the installation, as the status page knows it. */
export type Component = {
  id: string
  name: string
  region: string
  /** False: not built or switched off here; never shown as a promise that was kept. */
  offered: boolean
}

import type { GateClient } from '../../gate/index.ts'
import type { Channel, Clock, Environment, Log, Registry } from '../../kernel/index.ts'
import type { ServerSettings } from '../config.ts'

/** What a role's process is given. */
export type RoleContext = {
  /** `ingest-0` */
  name: string
  index: number
  /** Further arguments, by role: the loader's spool. */
  words: string[]
  env: Environment
  settings: ServerSettings
  dataDir: string
  /** Short path for Unix sockets. */
  runDir: string
  clock: Clock
  log: Log
  channel: Channel
  registry: Registry
  gate: GateClient
}

export type Readiness = { ready: boolean; reason?: string }

export type RunningRole = {
  /** Whether it can do its work now; may say no while it lives. */
  readiness(): Readiness | Promise<Readiness>
  /** Finishes what is under way and lets go of everything; resolves when the process may end. */
  drain(): Promise<void>
}

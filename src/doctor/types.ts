import type { DiskSettings } from '../disk/index.ts'
import type { Clock, Environment, Log } from '../kernel/index.ts'

/** `unknown`: it could not be looked at, which is not the same as sound. */
export type Severity = 'error' | 'warning' | 'unknown'

/** A fault: what is so, what it means, what to do about it. */
export type Finding = { severity: Severity; message: string; means: string; advice: string }

export type ProcessView = { name: string; state: string; ready: boolean; restarts: number; reason?: string }

/** What the settings ask of the machine, read by those who know all of them. */
export type Wanted = {
  host: string
  port: number
  gatewayPort: number
  adminPort: number
  databaseUrl: string | undefined
  /** undefined: plain http. */
  tls: { certificatePath: string; keyPath: string } | undefined
  isSelfSigned: boolean
  plainHttp: boolean
  publicUrl: string | undefined
  objectsDir: string | undefined
  disk: DiskSettings
  /** All processes and the queries they may run at once. */
  memoryBytes: number
  /** Connections to the main database, of all processes. */
  connections: number
}

/** The machine as it is; brought in, so that a test can bring another. */
export type Machine = {
  uid: number | undefined
  /** Of the machine, or of the container where that has less. */
  memoryBytes(): number
  /** Files that one process may have open: of the running supervisor, else of this process. */
  openFiles(pid: number | undefined): number | undefined
  diskOf(path: string): Promise<{ freeBytes: number; freeInodes: number | undefined; kind: number }>
  hasTimeZones(): boolean
  /** Who listens there, where that can be seen: `nginx (pid 812)`. */
  listenerOf(port: number): string | undefined
}

export type World = {
  env: Environment
  dataDir: string
  /** A sentence when the settings cannot be read. */
  wanted: Wanted | { fault: string }
  /** Names of all variables that mean something. */
  knownVariables: readonly string[]
  /**
   * `gone`: killed, and its lock is left. `elsewhere`: on another machine, which cannot be asked. `unreadable`: this user may not
   * look, and `host` says why.
   */
  holder: { verdict: 'none' | 'alive' | 'gone' | 'elsewhere' | 'unreadable'; pid: number; host: string }
  /** undefined when nothing runs, or it is not ready yet. */
  run: { pid: number; url: string; processes(): Promise<ProcessView[]> } | undefined
  machine: Machine
  clock: Clock
  log: Log
}

/** One thing that is looked at. */
export type Check = {
  name: string
  /** What it looks at, in words. */
  looks: string
  look(world: World): Promise<Finding[]> | Finding[]
}

export const error = (message: string, means: string, advice: string): Finding => ({
  severity: 'error',
  message,
  means,
  advice,
})
export const warning = (message: string, means: string, advice: string): Finding => ({
  severity: 'warning',
  message,
  means,
  advice,
})

/** The settings, for checks that need them; without them they have nothing to look at. */
export function wantedOf({ wanted }: World): Wanted | undefined {
  return 'fault' in wanted ? undefined : wanted
}

/** What runs, in the order in which it starts; it drains in the reverse of `drainRank`. */
export type Role = 'ingest' | 'core' | 'loader' | 'worker' | 'archivist'

export type RoleRow = {
  role: Role
  /** How many processes, given the settings. */
  count(settings: { ingestProcesses: number; workerProcesses: number; spoolNames: string[] }): number
  /** A user-facing process that is not ready makes the whole not ready. */
  userFacing: boolean
  /** Lower drains first. The edge goes first while core can still answer what is under way. */
  drainRank: number
  drainSeconds: number
  /** Inherits the public listening sockets: of everything HTTP, and of the gateway. */
  ownsPublicSocket: boolean
  does: string
}

export const PROCESS_TABLE: readonly RoleRow[] = [
  {
    role: 'core',
    count: () => 1,
    userFacing: true,
    drainRank: 3,
    drainSeconds: 15,
    ownsPublicSocket: false,
    does: 'REST API, console, schedules, snapshot writer',
  },
  {
    role: 'ingest',
    count: ({ ingestProcesses }) => ingestProcesses,
    userFacing: true,
    drainRank: 0,
    drainSeconds: 30,
    ownsPublicSocket: true,
    does: 'the edge: accepts imports into its spool, streams the rest to core',
  },
  {
    role: 'loader',
    count: ({ spoolNames }) => spoolNames.length,
    userFacing: false,
    drainRank: 2,
    drainSeconds: 30,
    ownsPublicSocket: false,
    does: 'spool to Parquet to catalog',
  },
  {
    role: 'worker',
    count: ({ workerProcesses }) => workerProcesses,
    userFacing: false,
    drainRank: 1,
    // The worker's own limit ends before.
    drainSeconds: 75,
    ownsPublicSocket: false,
    does: 'runs jobs, one engine process each',
  },
  {
    role: 'archivist',
    count: () => 1,
    userFacing: false,
    drainRank: 1,
    drainSeconds: 15,
    ownsPublicSocket: false,
    does: 'merges chunks, deletes rows, lets data end',
  },
]

/** `loader-0` → the row of `loader`. */
export function roleOf(processName: string): Role {
  return processName.slice(0, processName.lastIndexOf('-')) as Role
}

import { type Environment, randomIds } from '../kernel/index.ts'
import { readSpoolSettings, secondDirectoryOf } from '../spool/index.ts'
import type { ChildSpec } from './children.ts'
import { compileCacheIn, type ServerSettings } from './config.ts'
import type { HeldSocket } from './listeners.ts'
import { catalogSpoolName, nodeIdentity } from './node-identity.ts'
import { PROCESS_TABLE, type RoleRow } from './process-table.ts'

/** What every child is told at its start, as environment: children read settings from it like everybody else. */
export type Placement = {
  dataDir: string
  runDir: string
  /** Directories under `spool/` that exist or will: one loader each. */
  spoolNames: string[]
  publicSocket: HeldSocket
  gatewaySocket: HeldSocket
  publicUrl: string
  tls?: { certificatePath: string; keyPath: string }
}

/** The children of `millrace up`, in the order of the process table. */
export function childSpecs(
  settings: ServerSettings,
  placement: Placement,
  env: Environment,
): (ChildSpec & { row: RoleRow })[] {
  const node = nodeIdentity(placement.dataDir, randomIds, secondPlaceOf(env))
  const loaderWords = (spoolName: string) => [spoolName, catalogSpoolName(node, spoolName)]
  const counted = { ...settings, spoolNames: placement.spoolNames }
  const base: Environment = {
    ...env,
    // Children get address and password of the present epoch from the gate; the administrator's are not theirs to hold.
    MILLRACE_DATABASE_URL: undefined,
    MILLRACE_DATA_DIR: placement.dataDir,
    MILLRACE_RUN_DIR: placement.runDir,
    MILLRACE_PUBLIC_URL: placement.publicUrl,
    MILLRACE_TLS_CERT: placement.tls?.certificatePath,
    MILLRACE_TLS_KEY: placement.tls?.keyPath,
    MILLRACE_LOG_LEVEL: settings.logLevel,
    // Whoever names a place of their own may share it between servers, as the tests do.
    NODE_COMPILE_CACHE: env.NODE_COMPILE_CACHE ?? compileCacheIn(placement.dataDir),
    // File syncs of a batch run side by side; four threads would be a queue.
    UV_THREADPOOL_SIZE: env.UV_THREADPOOL_SIZE ?? '16',
  }
  return PROCESS_TABLE.flatMap((row) =>
    Array.from({ length: row.count(counted) }, (_, index) => ({
      row,
      name: `${row.role}-${index}`,
      args: [
        row.role,
        String(index),
        ...(row.role === 'loader' ? loaderWords(placement.spoolNames[index]!) : []),
      ],
      env: base,
      socketFds: row.ownsPublicSocket ? [placement.publicSocket.fd, placement.gatewaySocket.fd] : [],
    })),
  )
}

/** Checked here, before anything starts: a setting that is missing must not show as a child that dies again and again. */
function secondPlaceOf(env: Environment): string | undefined {
  const settings = readSpoolSettings(env)
  return secondDirectoryOf(settings, '.') === undefined ? undefined : settings.secondDirectory
}

/** The spool each edge process writes. */
export function spoolNameOf(index: number): string {
  return `ingest-${index}`
}

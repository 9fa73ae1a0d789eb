import { readAlertSettings } from '../alerts/index.ts'
import { readArchiveSettings } from '../archive/index.ts'
import { readBulkImportSettings } from '../bulk-import/index.ts'
import { readCatalogSettings } from '../catalog/index.ts'
import { readDiskSettings } from '../disk/index.ts'
import { readExportSettings } from '../export/index.ts'
import { readGatewaySettings } from '../gateway/index.ts'
import { readIngestSettings } from '../ingest/index.ts'
import { jobSettings } from '../jobs/index.ts'
import { type Environment, settingTables } from '../kernel/index.ts'
import { readLoadSettings } from '../load/index.ts'
import { readEngineSettings, readQuerySettings } from '../query/index.ts'
import { scheduleSettings } from '../schedules/index.ts'
import { readSpoolSettings } from '../spool/index.ts'
import { readServerSettings } from './config.ts'

/** The readers of every capability; a test holds this list against the reference. */
const READERS: readonly ((env: Environment) => unknown)[] = [
  readAlertSettings,
  readArchiveSettings,
  readBulkImportSettings,
  readCatalogSettings,
  readDiskSettings,
  readEngineSettings,
  readExportSettings,
  readGatewaySettings,
  readIngestSettings,
  jobSettings,
  readLoadSettings,
  readQuerySettings,
  scheduleSettings,
  readServerSettings,
  readSpoolSettings,
]

/** @throws setting_invalid (final) naming the first that is of the wrong form */
export function checkAllSettings(env: Environment): void {
  for (const read of READERS) read(env)
}

/** The variables of all settings. */
export function settingVariables(): string[] {
  return [...settingTables().values()].flatMap((settings) => Object.values(settings).map(({ env }) => env))
}

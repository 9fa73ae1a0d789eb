import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { catalogErrors } from '../catalog/index.ts'
import { REBUILDING } from '../fsck/index.ts'
import { hasFile } from '../kernel/index.ts'

/**
 * Refuses to begin with an empty embedded database where there are chunks: nobody could read them any more, and the sweeps would
 * take them for nobody's. An external database is looked at when the first account is to be made.
 * @throws catalog_lost (final)
 */
export function refuseLostCatalog(dataDir: string): void {
  if (existsSync(join(dataDir, REBUILDING)))
    throw catalogErrors.catalog_lost('it was being made anew, and that did not come to its end; begin again')
  if (existsSync(join(dataDir, 'postgres', 'PG_VERSION'))) return
  if (hasFile(join(dataDir, 'objects', 'chunks')))
    throw catalogErrors.catalog_lost(`${join(dataDir, 'postgres')} is gone`)
}

import { bulkImportCommands } from '../bulk-import/index.ts'
import type { Command } from '../command.ts'
import { importCommands } from '../import/index.ts'
import { accountCommands } from './account.ts'
import { completionCommands } from './completion.ts'
import { databaseCommands } from './databases.ts'
import { helpCommands } from './help.ts'
import { jobCommands } from './jobs.ts'
import { overviewCommand } from './overview.ts'
import { permissionCommands } from './permissions.ts'
import { resultCommands } from './results.ts'
import { scheduleCommands } from './schedules.ts'
import { schemaCommands } from './schemas.ts'
import { tableDataCommands } from './table-data.ts'
import { tableCommands } from './tables.ts'
import { userCommands } from './users.ts'

/** Every command that speaks to a server; the server's own are added where it is started. */
export const COMMANDS: readonly Command[] = [
  ...accountCommands,
  overviewCommand,
  ...databaseCommands,
  ...tableCommands,
  ...tableDataCommands,
  ...schemaCommands,
  ...importCommands,
  ...bulkImportCommands,
  ...jobCommands,
  ...scheduleCommands,
  ...resultCommands,
  ...userCommands,
  ...permissionCommands,
  ...completionCommands,
  ...helpCommands,
]

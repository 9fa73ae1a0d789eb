import type { Command } from '../command.ts'
import { databaseCommands } from './databases.ts'
import { helpCommands } from './help.ts'

/** Every command that speaks to a server; the server's own are added where it is started. */
export const COMMANDS: readonly Command[] = [...databaseCommands, ...helpCommands]

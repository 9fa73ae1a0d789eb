/** Importing files: `table:import`. */
export { importCommands } from './commands.ts'

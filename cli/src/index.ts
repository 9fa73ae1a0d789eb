/** The door of the command line: `src/server/main.ts` runs it, with the commands that only the server's machine has. */
export {
  type Argument,
  type Command,
  type Given,
  type Option,
  type Options,
  TOPICS,
  type Topic,
  usageOf,
} from './command.ts'
export { COMMANDS } from './commands/index.ts'
export { EXIT, EXIT_CODES } from './exit-codes.ts'
export { GLOBAL_OPTIONS } from './globals.ts'
export { helpOf, spellingOf } from './help.ts'
export { runCommandLine, type World } from './run.ts'

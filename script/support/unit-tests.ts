/**
 * The unit tests of one run in one process: they must not share state, and that shows at once if they do.
 * Their names come in MILLRACE_UNIT_TESTS, one per line.
 */
import { resolve } from 'node:path'

for (const file of process.env.MILLRACE_UNIT_TESTS!.split('\n')) await import(resolve(file))

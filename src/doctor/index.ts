export { CHECKS, type Examined, examine, verdictOf } from './examine.ts'
export { thisMachine } from './this-machine.ts'
export type { Check, Finding, Machine, ProcessView, Wanted, World } from './types.ts'

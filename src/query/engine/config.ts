import { defineSettings } from '../../kernel/index.ts'

export const readEngineSettings = defineSettings('engine', {
  warmEngines: {
    env: 'MILLRACE_ENGINE_WARM',
    type: 'integer',
    default: 2,
    least: 0,
    most: 16,
    help: 'Engine processes kept ready, so that a query starts without waiting for a process.',
  },
  heapMegabytes: {
    env: 'MILLRACE_ENGINE_HEAP_MB',
    type: 'integer',
    default: 512,
    least: 64,
    most: 16_384,
    help: 'Most memory the JavaScript side of an engine process may use, in MB; DuckDB has its own limit per job.',
  },
  watchMilliseconds: {
    env: 'MILLRACE_ENGINE_WATCH_MS',
    type: 'integer',
    default: 100,
    least: 10,
    most: 5000,
    help: 'How often memory and CPU time of each running engine are compared with its limits, in milliseconds.',
  },
  startSeconds: {
    env: 'MILLRACE_ENGINE_START_SECONDS',
    type: 'integer',
    default: 30,
    least: 1,
    most: 600,
    help: 'How long an engine process may take to become ready before it is given up, in seconds.',
  },
})
export type EngineSettings = ReturnType<typeof readEngineSettings>

import { defineSettings } from '../kernel/index.ts'

export const readGatewaySettings = defineSettings('gateway', {
  pageBytes: {
    type: 'integer',
    env: 'MILLRACE_GATEWAY_PAGE_BYTES',
    default: 1024 * 1024,
    least: 1024,
    most: 128 * 1024 * 1024,
    help: 'About how much of a result one page of the Presto and Trino protocol holds.',
  },
  abandonedSeconds: {
    type: 'integer',
    env: 'MILLRACE_GATEWAY_ABANDONED_SECONDS',
    default: 300,
    least: 10,
    most: 86_400,
    help: 'A statement whose client has not asked for its answer for so long is ended (ABANDONED_QUERY).',
  },
  holdSeconds: {
    type: 'integer',
    env: 'MILLRACE_GATEWAY_HOLD_SECONDS',
    default: 1800,
    least: 0,
    most: 86_400,
    help: 'How long a statement that needs the main database stays QUEUED while that is away; then it is ended and its client told so.',
  },
})

import { defineSettings } from '../kernel/index.ts'

export const readIngestSettings = defineSettings('ingest', {
  bodyBytes: {
    env: 'MILLRACE_INGEST_BODY_BYTES',
    type: 'integer',
    default: 64 * 1024 * 1024,
    least: 1024,
    most: 64 * 1024 * 1024,
    help: 'Largest body of one streaming import.',
  },
  memoryBytes: {
    env: 'MILLRACE_INGEST_MEMORY_BYTES',
    type: 'integer',
    default: 512 * 1024 * 1024,
    least: 64 * 1024 * 1024,
    help: 'Bodies being received by one ingest process together, beyond which it answers 503.',
  },
  headBytes: {
    env: 'MILLRACE_INGEST_HEAD_BYTES',
    type: 'integer',
    default: 256 * 1024,
    least: 128 * 1024,
    help: 'Largest request line plus headers; browsers put whole events into the URL.',
  },
  keepAliveSeconds: {
    env: 'MILLRACE_INGEST_KEEP_ALIVE_SECONDS',
    type: 'integer',
    default: 75,
    least: 1,
    help: 'How long an idle connection is kept; longer than that of any proxy in front.',
  },
  requestSeconds: {
    env: 'MILLRACE_INGEST_REQUEST_SECONDS',
    type: 'integer',
    default: 600,
    least: 1,
    help: 'How long a client may take to send one request.',
  },
  stallSeconds: {
    env: 'MILLRACE_INGEST_STALL_SECONDS',
    type: 'integer',
    default: 60,
    least: 1,
    help: 'How long a client may send nothing in the middle of a body.',
  },
  drainSeconds: {
    env: 'MILLRACE_INGEST_DRAIN_SECONDS',
    type: 'integer',
    default: 20,
    least: 1,
    help: 'How long requests under way are waited for when the process is stopped.',
  },
  coreWaitSeconds: {
    env: 'MILLRACE_INGEST_CORE_WAIT_SECONDS',
    type: 'integer',
    default: 3,
    least: 0,
    help: 'How long a request waits for core to be reachable again before it is answered 503.',
  },
  trustedProxies: {
    env: 'MILLRACE_TRUSTED_PROXIES',
    type: 'list',
    default: [],
    example: '10.0.0.0/8,192.168.1.7',
    help: 'Addresses or networks of proxies whose X-Forwarded-… headers are believed.',
  },
})
export type IngestSettings = ReturnType<typeof readIngestSettings>

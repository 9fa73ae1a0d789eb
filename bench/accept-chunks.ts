/** Durable accept of chunks of 10,000 records against a bare server: [--rounds 5] [--seconds 2] [--profile DIRECTORY] */
import { compareAccept } from './support/accept.ts'

// Narrow records judge the path; wide ones are ruled by the MD5 that the answer carries and by the disk (docs/benchmarks.md).
await compareAccept([
  { name: 'accept-chunks', payload: 'readings', connections: 64, goal: 0.4 },
  { name: 'accept-chunks-wide', payload: 'page-views', connections: 16 },
])

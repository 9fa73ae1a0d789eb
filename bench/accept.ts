/** Durable accept of one-event posts against a bare server: [--rounds 5] [--seconds 2] [--profile DIRECTORY] */
import { compareAccept } from './support/accept.ts'

await compareAccept([
  { name: 'accept-256', payload: 'events', connections: 256, goal: 0.85 },
  { name: 'accept-64', payload: 'events', connections: 64, goal: 0.6 },
])

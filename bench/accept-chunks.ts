/** Durable accept of chunks of 10,000 records against a bare server: [--rounds 5] [--seconds 2] [--profile DIRECTORY] */
import { compareAccept } from './support/accept.ts'

await compareAccept([{ name: 'accept-chunks', payload: 'chunks', connections: 16, goal: 0.4 }])

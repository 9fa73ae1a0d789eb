import { setTimeout as pause } from 'node:timers/promises'
import type { Ledger } from '../ledger.ts'

/** Longer than any process is frozen: who gives up on an answer does not know what became of the request. */
const PATIENCE_MS = 40_000

/** What came back; `cut`: nothing certain. */
export type Reply = { kind: 'answer'; status: number; text: string } | { kind: 'cut' }

export async function send(url: string, init: RequestInit): Promise<Reply> {
  try {
    const response = await fetch(url, { ...init, signal: AbortSignal.timeout(PATIENCE_MS) })
    return { kind: 'answer', status: response.status, text: await response.text() }
  } catch (error) {
    if (error instanceof TypeError || (error as Error).name === 'TimeoutError') return { kind: 'cut' }
    throw error
  }
}

/** What every writer is given. */
export type WriterContext = {
  /** The two nodes, as clients see them. */
  urls: [string, string]
  database: string
  masterKey: string
  writeKey: string
  random(): number
  /** True when it is to end; what is under way is brought to its end. */
  stopped(): boolean
  /** An answer that no client expects: a broken promise. */
  wrong(what: string): void
}

export type Writer = { ledgers: Ledger[]; done: Promise<void> }

export const isRetryable = (status: number) => status === 503 || status === 429

/** Reports what is neither success nor "try again". */
export function expectUsual(context: WriterContext, what: string, reply: Reply): boolean {
  if (reply.kind === 'cut') return false
  if (reply.status === 200) return true
  if (!isRetryable(reply.status)) context.wrong(`${what}: ${reply.status} ${reply.text.slice(0, 300)}`)
  return false
}

export function anyNode({ urls, random }: WriterContext): string {
  return urls[random() < 0.5 ? 0 : 1]
}

/** Steps until stopped, with a rest between them. */
export async function loop(
  { stopped, random }: WriterContext,
  restMs: number,
  step: (n: number) => Promise<void>,
): Promise<void> {
  for (let n = 0; !stopped(); n++) {
    await step(n)
    await pause(restMs * (0.5 + random()))
  }
}

export { pause }

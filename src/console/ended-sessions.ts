import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { atMost, type Clock, writeFileDurably } from '../kernel/index.ts'
import { consoleErrors } from './errors.ts'
import type { Session } from './session.ts'

/** Sessions people have signed out of, until their cookies would have ended by themselves. */
export type EndedSessions = {
  has(id: string): boolean
  /** Resolves when it is on disk. @throws sign_out_unsaved (503, retry): ended for now, but a restart would forget it */
  end(session: Session): Promise<void>
}

type Stored = { format: 1; ended: [id: string, endsAtMs: number][] }

/** Remembered for longer than they matter: a clock that is set back must not bring one to life. */
const KEPT_AFTER_END_MS = 24 * 3600_000

/**
 * A cookie is verified without asking anybody, so what was signed out of has to be remembered: in one small file of the
 * data directory, which needs no database and outlives restarts.
 */
export function openEndedSessions({ dataDir, clock }: { dataDir: string; clock: Clock }): EndedSessions {
  const path = join(dataDir, 'ended-sessions.json')
  const ended = new Map(read(path))
  const oneAtATime = atMost(1)

  const save = () => {
    for (const [id, endsAtMs] of ended)
      if (endsAtMs + KEPT_AFTER_END_MS < clock.now().getTime()) ended.delete(id)
    const stored: Stored = { format: 1, ended: [...ended] }
    return writeFileDurably(path, `${JSON.stringify(stored)}\n`)
  }
  return {
    has: (id) => ended.has(id),
    async end({ id, endsAtMs }) {
      ended.set(id, endsAtMs)
      try {
        await oneAtATime(save)
      } catch (error) {
        throw consoleErrors.sign_out_unsaved((error as Error).message, error)
      }
    },
  }
}

function read(path: string): Stored['ended'] {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
  const stored = JSON.parse(text) as Stored
  if (stored.format !== 1)
    throw consoleErrors.ended_sessions_unreadable(`${path} has format ${stored.format}`)
  return stored.ended
}

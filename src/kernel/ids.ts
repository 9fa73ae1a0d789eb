import { createHash, randomBytes } from 'node:crypto'

/** Where random ids come from; tests pass a counting one. */
export type Ids = {
  /** 32 lower-case hex digits. */
  hex128(): string
  /** 40 lower-case hex digits: the secret part of an API key. */
  hex160(): string
}

export const randomIds: Ids = {
  hex128: () => randomBytes(16).toString('hex'),
  hex160: () => randomBytes(20).toString('hex'),
}

/** Lower-case hex SHA-256 of the UTF-8 text: how API keys are stored. */
export function sha256Hex(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

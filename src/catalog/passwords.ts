import { argon2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { atMost } from '../kernel/index.ts'

const hashWith = promisify(argon2)
/** 19 MiB, two passes, one lane: what OWASP recommends for argon2id; about 30 ms here. */
const COST = { memory: 19_456, passes: 2, parallelism: 1 }
const TAG_BYTES = 32

/** At most two at a time, so that logins cannot take the process's memory and threads. */
const atWork = atMost(2)

/** The PHC text of a password, with a salt of its own. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16)
  const tag = await derive(password, salt, COST)
  const { memory, passes, parallelism } = COST
  return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${base64(salt)}$${base64(tag)}`
}

/** Takes as long for a user without password (null) as for one with a wrong password. */
export async function passwordMatches(password: string, stored: string | null): Promise<boolean> {
  const parts = PHC.exec(stored ?? '')
  if (parts === null) {
    await derive(password, Buffer.alloc(16), COST)
    return false
  }
  const [, memory, passes, parallelism, salt, tag] = parts
  const cost = { memory: Number(memory), passes: Number(passes), parallelism: Number(parallelism) }
  const expected = Buffer.from(tag!, 'base64')
  const derived = await derive(password, Buffer.from(salt!, 'base64'), cost, expected.length)
  return timingSafeEqual(derived, expected)
}

const PHC = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([A-Za-z0-9+/]{11,})\$([A-Za-z0-9+/]{16,})$/

function derive(password: string, nonce: Buffer, cost: typeof COST, tagLength = TAG_BYTES): Promise<Buffer> {
  const message = Buffer.from(password.normalize('NFKC'))
  return atWork(() => hashWith('argon2id', { message, nonce, tagLength, ...cost }))
}

function base64(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '')
}

import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ensureDirectory, writeFileDurably } from '../kernel/index.ts'

/** Encrypts what the database must not hold in the clear (AES-256-GCM); the key lives outside the database. */
export type SecretBox = {
  /** `context` is bound to the secret: what was sealed for one thing does not open as another's. */
  seal(text: string, context: string): Buffer
  /** @throws when the bytes, the key or the context are not the ones it was sealed with */
  open(sealed: Buffer, context: string): string
}

const NONCE_BYTES = 12
const TAG_BYTES = 16

/** Opens `<dataDir>/secrets.key`, making it (mode 0600) when there is none. It belongs into every backup. */
export async function openSecretBox({ dataDir }: { dataDir: string }): Promise<SecretBox> {
  const key = await readOrMakeKey(dataDir)
  return {
    seal(text, context) {
      const nonce = randomBytes(NONCE_BYTES)
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(context))
      const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
      return Buffer.concat([nonce, cipher.getAuthTag(), body])
    },
    open(sealed, context) {
      const nonce = sealed.subarray(0, NONCE_BYTES)
      const tag = sealed.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES)
      const decipher = createDecipheriv('aes-256-gcm', key, nonce)
        .setAAD(Buffer.from(context))
        .setAuthTag(tag)
      const body = sealed.subarray(NONCE_BYTES + TAG_BYTES)
      return Buffer.concat([decipher.update(body), decipher.final()]).toString('utf8')
    },
  }
}

async function readOrMakeKey(dataDir: string): Promise<Buffer> {
  const path = join(dataDir, 'secrets.key')
  try {
    const key = Buffer.from((await readFile(path, 'utf8')).trim(), 'hex')
    if (key.length !== 32) throw new Error(`${path} does not hold 64 hexadecimal digits`)
    return key
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  const key = randomBytes(32)
  await ensureDirectory(dataDir)
  await writeFileDurably(path, `${key.toString('hex')}\n`)
  return key
}

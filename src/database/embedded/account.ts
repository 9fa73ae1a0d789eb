import { readFile, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

/** An entry of the password file. */
export type Account = { name: string; uid: number; gid: number }

/** Best first: one of our own, one made for PostgreSQL, one that owns nothing. */
const PREFERRED = ['millrace', 'postgres', 'nobody']

/**
 * Under whom PostgreSQL runs: undefined = as ourselves. It refuses root, and a uid without an entry in the password
 * file. A data directory that exists keeps its owner.
 */
export async function chooseAccount(cluster: string): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const accounts = parsePasswordFile(await readFile('/etc/passwd', 'utf8'))
  const owner = await ownerOf(cluster)
  const chosen =
    accounts.find(({ uid }) => uid === owner && uid !== 0) ??
    PREFERRED.map((name) => accounts.find((account) => account.name === name)).find(Boolean)
  if (chosen === undefined)
    throw new Error(
      `none of the users ${PREFERRED.join(', ')} exists in /etc/passwd; add one: useradd --system millrace`,
    )
  return chosen
}

export function parsePasswordFile(text: string): Account[] {
  return text
    .split('\n')
    .map((line) => line.split(':'))
    .filter((fields) => fields.length >= 7)
    .map(([name, , uid, gid]) => ({ name: name!, uid: Number(uid), gid: Number(gid) }))
}

async function ownerOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).uid
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** The first directory, from the path itself upwards, that the account may not pass; undefined when all let it in. */
export async function blockedAt(path: string, account: Account): Promise<string | undefined> {
  for (let at = path; ; at = dirname(at)) {
    const { mode, uid, gid } = await stat(at)
    const shift = uid === account.uid ? 6 : gid === account.gid ? 3 : 0
    if (((mode >> shift) & 0o1) === 0) return at
    if (at === dirname(at)) return undefined
  }
}

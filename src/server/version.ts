import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The release, as package.json names it: two folders up in a checkout, three in what is built of it. */
export function version(): string {
  let folder = import.meta.dirname
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder)
  return (JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string }).version
}

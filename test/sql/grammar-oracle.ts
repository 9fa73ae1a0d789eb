import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'

/** Whether Trino's grammar, in a parser generated from it by others, accepts a text. */
export type Oracle = { accepts(text: string): boolean }

/** The package cannot be imported by Node as it is: its files name folders. */
export async function grammarOracle(): Promise<Oracle> {
  const room = mkdtempSync(join(tmpdir(), 'millrace-grammar-'))
  try {
    const outfile = join(room, 'oracle.mjs')
    await build({
      stdin: {
        contents: `export { TrinoSQL } from 'dt-sql-parser/dist/parser/trino/index.js'`,
        resolveDir: import.meta.dirname,
      },
      bundle: true,
      platform: 'node',
      format: 'esm',
      outfile,
    })
    const { TrinoSQL } = (await import(outfile)) as {
      TrinoSQL: new () => { validate(text: string): unknown[] }
    }
    const parser = new TrinoSQL()
    return { accepts: (text) => quietly(() => parser.validate(text).length === 0) }
  } finally {
    rmSync(room, { recursive: true })
  }
}

/** The parser also prints what it does not like. */
function quietly<T>(action: () => T): T {
  const { error } = console
  console.error = () => {}
  try {
    return action()
  } finally {
    console.error = error
  }
}

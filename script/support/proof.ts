import { execFileSync } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startServer } from '../../test/support/server.ts'
import { pause, restClient } from './client.ts'

/** Starts the Millrace of this command on a new data directory, takes one row from import to answer, and stops it. */
export async function proveThatItWorks(command: string): Promise<void> {
  const server = await startServer({ command, dataDir: mkdtempSync(join(tmpdir(), 'millrace-data-')) })
  try {
    const client = restClient(server.url, server.apiKey)
    await client.ensure('/v3/database/create/release')
    await client.ensure('/v3/table/create/release/checked/log')
    await client.importRecords('release', 'checked', 'one', [{ time: 1_700_000_000, answer: 42 }])
    for (;;) {
      const { rows } = await client.query('release', 'SELECT sum(answer) FROM checked')
      if (rows[0][0] === 42) break
      await pause(100)
    }
    provesToBeACommandLine(command, { MILLRACE_ENDPOINT: server.url, MILLRACE_API_KEY: server.apiKey })
    const page = await fetch(`${server.url}/app/`)
    if (!page.ok) throw new Error(`the console page answers ${page.status}`)
    const code = await server.stop()
    if (code !== 0) throw new Error(`millrace ended with exit code ${code}`)
  } catch (error) {
    console.error(server.log())
    throw error
  } finally {
    await server.kill()
    server.remove()
  }
}

/** The same command as a client: a list, a query, and the table of its commands. */
function provesToBeACommandLine(command: string, env: Record<string, string>): void {
  const run = (...args: string[]) =>
    execFileSync(command, args, { encoding: 'utf8', env: { ...process.env, ...env } })
  const databases = run('db:list', '-f', 'csv')
  if (databases !== 'Name,Count\nrelease,1\n') throw new Error(`millrace db:list printed:\n${databases}`)
  const answer = run('query', '-w', '-d', 'release', '-f', 'csv', 'SELECT answer FROM checked')
  if (answer !== '42\n') throw new Error(`millrace query printed:\n${answer}`)
  if (!run('completion', 'bash').includes('table:import'))
    throw new Error('millrace completion knows no table:import')
}

import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { withRetries } from '../clients/java-support.ts'

const project = 'test/peers/trino'

/** Values as JSON: maps as lists of pairs, dates and times and decimals as text, bytes as hex. */
export type TrinoAnswer = { types: string[]; rows: unknown[][] } | { error: string; message: string }

export type Trino = {
  /** `schema`: `db` unless named; `tpch` and `tpcds` are there too. */
  ask(sql: string, where?: { zone?: string; schema?: string }): Promise<TrinoAnswer>
  stop(): Promise<void>
}

/**
 * A Trino engine of Maven Central's jars in a process of its own, with one catalog in memory, called as ours is. `home` keeps what was compiled; its class path is looked up once.
 * `kind`: an engine that starts fast and runs in one thread, or a whole server, with generated tables in the catalog `tpch`.
 */
export async function startTrino(home: string, kind: 'engine' | 'server' = 'engine'): Promise<Trino> {
  mkdirSync(home, { recursive: true })
  const classPathFile = join(home, 'classpath')
  if (!existsSync(classPathFile)) {
    withRetries(() =>
      execFileSync(
        'mvn',
        ['-q', '-B', '-f', project, 'dependency:build-classpath', `-Dmdep.outputFile=${classPathFile}`],
        { stdio: 'pipe' },
      ),
    )
  }
  const classPath = `${home}:${readFileSync(classPathFile, 'utf8')}`
  execFileSync(
    'javac',
    ['-nowarn', '-d', home, '-cp', classPath, `${project}/src/main/java/millrace/Answer.java`],
    { stdio: 'pipe' },
  )
  const flags = [kind === 'server' ? '-Xmx6g' : '-Xmx3g', '--add-opens=java.base/java.nio=ALL-UNNAMED']
  const server = spawn('java', [...flags, '-cp', classPath, 'millrace.Answer', kind], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const port = await portOf(server.stdout!)
  const line = openLine(port)
  return {
    ask: line.ask,
    async stop() {
      line.close()
      server.kill()
      if (server.exitCode === null && server.signalCode === null) await once(server, 'exit')
    },
  }
}

/** The first line that is a number; the engine warns on its output before. */
async function portOf(output: NodeJS.ReadableStream): Promise<number> {
  for await (const line of createInterface({ input: output })) if (/^\d+$/.test(line)) return Number(line)
  throw new Error('Trino ended before it listened')
}

/** Questions go out one after the other and are answered in that order. */
export function openLine(port: number): { ask: Trino['ask']; close(): void } {
  const socket = connect(port, '127.0.0.1')
  const waiting: { resolve(answer: TrinoAnswer): void; reject(error: Error): void }[] = []
  const end = (error: Error) => {
    for (const { reject } of waiting.splice(0)) reject(error)
  }
  socket.on('error', end)
  socket.on('close', () => end(new Error('Trino closed the connection')))
  createInterface({ input: socket }).on('line', (line) => waiting.shift()!.resolve(JSON.parse(line)))
  return {
    ask(sql, { zone = 'UTC', schema = 'db' } = {}) {
      return new Promise((resolve, reject) => {
        waiting.push({ resolve, reject })
        socket.write(`${JSON.stringify({ sql, zone, schema })}\n`)
      })
    },
    close: () => socket.end(),
  }
}

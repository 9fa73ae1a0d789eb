import pg from 'pg'
import { startTestDatabase } from '../../src/database/testing.ts'

/** What pg asks of something that is sent as a query and talks to the connection itself; pg has no types for it. */
type Connection = {
  query(text: string): void
  sendCopyFromChunk(chunk: Buffer): void
  endCopyFrom(): void
}

/** One COPY … FROM STDIN. */
class Copy {
  readonly done: Promise<void>
  readonly #text: string
  readonly #body: Buffer
  #resolve!: () => void
  #reject!: (error: Error) => void
  #error: Error | undefined
  constructor(text: string, body: Buffer) {
    this.#text = text
    this.#body = body
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }
  submit(connection: Connection): void {
    connection.query(this.#text)
  }
  handleCopyInResponse(connection: Connection): void {
    connection.sendCopyFromChunk(this.#body)
    connection.endCopyFrom()
  }
  handleCommandComplete(): void {}
  handleError(error: Error): void {
    this.#error = error
  }
  handleReadyForQuery(): void {
    if (this.#error) this.#reject(this.#error)
    else this.#resolve()
  }
}

export type PostgresPeer = {
  /** Seconds to COPY every body, each in its own committed and synced transaction, over so many connections. */
  copy(bodies: Buffer[], connections: number): Promise<number>
  stop(): Promise<void>
}

/** The same PostgreSQL release we embed, synced as in production, with one plain table. */
export async function startPostgres(): Promise<PostgresPeer> {
  const server = await startTestDatabase({ durable: true, maxConnections: 30 })
  const { host, port, user, password, database } = server.admin
  const open = async () => {
    const client = new pg.Client({ host, port, user, password, database })
    await client.connect()
    return client
  }
  const clients: pg.Client[] = []
  return {
    async copy(bodies, connections) {
      while (clients.length < connections) clients.push(await open())
      await clients[0]!.query('DROP TABLE IF EXISTS peer')
      await clients[0]!.query(
        'CREATE TABLE peer (time bigint, visitor text, path text, referrer text, status integer, milliseconds double precision)',
      )
      const startedMs = performance.now()
      let next = 0
      await Promise.all(
        clients.slice(0, connections).map(async (client) => {
          while (next < bodies.length) {
            const copy = new Copy('COPY peer FROM STDIN', bodies[next++]!)
            client.query(copy as unknown as pg.Submittable)
            await copy.done
          }
        }),
      )
      const seconds = (performance.now() - startedMs) / 1000
      return seconds
    },
    async stop() {
      await Promise.all(clients.map((client) => client.end()))
      await server.stop()
    },
  }
}

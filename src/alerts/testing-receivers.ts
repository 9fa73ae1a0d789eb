import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { SMTPServer, type SMTPServerOptions } from 'smtp-server'
import type { Principal } from '../kernel/http/index.ts'
import { systemClock } from '../kernel/index.ts'

export const OWNER: Principal = {
  accountId: 1n,
  userId: 1n,
  keyId: 1n,
  keyKind: 'master',
  role: 'owner',
  userName: 'Ann Example',
  email: 'ann@example.com',
}
export const MEMBER: Principal = { ...OWNER, userId: 2n, role: 'member', userName: 'Bob' }

/** What a look finds, as soon as it finds something. */
export async function eventually<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
): Promise<T> {
  for (let i = 0; i < 500; i++) {
    const found = await look()
    if (found) return found
    await systemClock.sleep(20)
  }
  throw new Error(`it did not come to this: ${what}`)
}

export type ReceivedMail = {
  from: string
  to: string[]
  text: string
  secure: boolean
  user: string | undefined
}

/** A real SMTP server on a free port. `refuse` makes it answer 451 to what it is sent. */
export async function startMailServer(options: SMTPServerOptions = {}) {
  const mails: ReceivedMail[] = []
  const state = { refuse: false }
  const server = new SMTPServer({
    authOptional: true,
    disableReverseLookup: true,
    disabledCommands: options.cert === undefined ? ['STARTTLS', 'AUTH'] : [],
    closeTimeout: 100,
    onAuth: ({ username }, _session, done) => done(null, { user: username }),
    onData(stream, session, done) {
      void text(stream).then((received) => {
        if (state.refuse) return done(Object.assign(new Error('not now'), { responseCode: 451 }))
        const { mailFrom, rcptTo } = session.envelope
        mails.push({
          from: mailFrom === false ? '' : mailFrom.address,
          to: rcptTo.map(({ address }) => address),
          text: received,
          secure: session.secure,
          user: session.user as string | undefined,
        })
        done()
      })
    },
    ...options,
  })
  server.on('error', () => undefined)
  const listening = server.listen(0, '127.0.0.1')
  await once(listening, 'listening')
  return {
    port: (listening.address() as AddressInfo).port,
    mails,
    state,
    stop: () => new Promise<void>((resolve) => server.close(() => resolve())),
  }
}

export type ReceivedCall = { path: string; headers: IncomingHttpHeaders; body: string }

/** A real HTTP receiver on a free port. `statuses` are its next answers; then 200. */
export async function startReceiver() {
  const calls: ReceivedCall[] = []
  const statuses: (number | 'silence' | 'cut')[] = []
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      calls.push({ path: request.url ?? '', headers: request.headers, body })
      const next = statuses.shift() ?? 200
      if (next === 'silence') return
      if (next === 'cut') return request.socket.destroy()
      const headers = next >= 300 && next < 400 ? { location: '/elsewhere' } : {}
      response.writeHead(next, headers).end()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    statuses,
    async stop() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

import { connect } from 'node:net'

/**
 * Whether somebody on this machine listens on a Unix socket: the kernel knows for certain, whatever container they are in. Anything but
 * a clear no counts as somebody: a full backlog, a file that may not be opened.
 */
export function socketAnswers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = connect(path)
    connection.once('connect', () => {
      connection.destroy()
      resolve(true)
    })
    connection.once('error', ({ code }: NodeJS.ErrnoException) =>
      resolve(code !== 'ECONNREFUSED' && code !== 'ENOENT'),
    )
  })
}

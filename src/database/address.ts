import type { DatabaseAddress } from '../gate/index.ts'

/**
 * `postgres://user:password@host:5432/database?sslmode=require`, as operators give it. `sslmode` disable (the default
 * for loopback), or require / verify-full, which both check the certificate; a socket directory goes into `?host=`.
 * @throws TypeError when it is no such URL.
 */
export function parseDatabaseUrl(text: string): DatabaseAddress {
  const url = new URL(text)
  if (url.protocol !== 'postgres:' && url.protocol !== 'postgresql:')
    throw new TypeError('a database URL begins with postgres://')
  const host = url.searchParams.get('host') ?? decodeURIComponent(url.hostname.replace(/^\[(.*)\]$/, '$1'))
  const isLocal = host.startsWith('/') || ['localhost', '127.0.0.1', '::1'].includes(host)
  const sslmode = url.searchParams.get('sslmode') ?? (isLocal ? 'disable' : 'require')
  if (!['disable', 'require', 'verify-ca', 'verify-full'].includes(sslmode))
    throw new TypeError(`sslmode must be disable, require, verify-ca or verify-full, not ${sslmode}`)
  if (host === '' || url.username === '') throw new TypeError('a database URL names host and user')
  return {
    host,
    port: url.port === '' ? 5432 : Number(url.port),
    database: decodeURIComponent(url.pathname.slice(1)) || 'postgres',
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    tls: sslmode !== 'disable',
  }
}

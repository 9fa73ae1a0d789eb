import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer, isIP } from 'node:net'
import { type Check, error, type Finding, type World, wantedOf, warning } from './types.ts'

const SOON_MS = 14 * 86_400_000

export const networkChecks: Check[] = [
  { name: 'ports', looks: 'whether the ports are free for a start', look: ports },
  {
    name: 'certificate',
    looks: 'whether the certificate is valid, fits its key and covers the public URL',
    look: certificate,
  },
]

async function ports(world: World): Promise<Finding[]> {
  const wanted = wantedOf(world)
  // One that runs, or may do so, holds them itself.
  if (wanted === undefined || ['alive', 'unreadable'].includes(world.holder.verdict)) return []
  const { host, port, gatewayPort, adminPort } = wanted
  const places = [
    { host, port, what: 'everything HTTP (MILLRACE_PORT)' },
    { host, port: gatewayPort, what: 'the query gateway (MILLRACE_GATEWAY_PORT)' },
    { host: '127.0.0.1', port: adminPort, what: 'health and metrics (MILLRACE_ADMIN_PORT)' },
  ].filter((place) => place.port !== 0)
  const findings: Finding[] = []
  for (const place of places) {
    const code = await bindFailure(place)
    if (code === undefined) continue
    const who = code === 'EADDRINUSE' ? world.machine.listenerOf(place.port) : undefined
    findings.push(
      error(
        `port ${place.port} for ${place.what} cannot be used: ${reasonOf(code)}${who === undefined ? '' : `, ${who} has it`}`,
        'A start is refused.',
        code === 'EADDRINUSE'
          ? 'Stop that program, or choose another port; 0 picks a free one.'
          : 'Choose an address of this machine and a port above 1023.',
      ),
    )
  }
  return findings
}

function reasonOf(code: string): string {
  return (
    {
      EADDRINUSE: 'it is taken',
      EACCES: 'this user may not',
      EADDRNOTAVAIL: 'this machine has no such address',
    }[code] ?? code
  )
}

function bindFailure({ host, port }: { host: string; port: number }): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', (cause: NodeJS.ErrnoException) => resolve(cause.code ?? cause.message))
    server.listen({ host, port }, () => server.close(() => resolve(undefined)))
  })
}

function certificate(world: World): Finding[] {
  const wanted = wantedOf(world)
  if (wanted === undefined) return []
  if (wanted.tls === undefined) return plain(wanted)
  const { certificatePath, keyPath } = wanted.tls
  let leaf: X509Certificate
  try {
    leaf = new X509Certificate(readFileSync(certificatePath))
    const key = createPrivateKey(readFileSync(keyPath))
    if (!leaf.checkPrivateKey(key))
      return [
        error(
          `${keyPath} is not the key of ${certificatePath}`,
          'A start is refused; one that runs keeps the pair it had.',
          'Put the key beside the certificate it was made for; the first certificate of the file has to be the server’s own.',
        ),
      ]
  } catch (cause) {
    // Made at the first start.
    if (wanted.isSelfSigned && (cause as NodeJS.ErrnoException).code === 'ENOENT') return []
    return [
      error(
        `the certificate cannot be used: ${(cause as Error).message}`,
        'A start is refused; one that runs keeps the pair it had.',
        `Both are PEM files, without a password: ${certificatePath}, ${keyPath}`,
      ),
    ]
  }
  return [
    ...validity(leaf, certificatePath, world.clock.now()),
    ...names(leaf, certificatePath, wanted.publicUrl),
  ]
}

function plain({
  host,
  plainHttp,
  publicUrl,
}: {
  host: string
  plainHttp: boolean
  publicUrl: string | undefined
}): Finding[] {
  const isLoopback = host === 'localhost' || host === '::1' || /^127\./.test(host)
  if (isLoopback || plainHttp) return []
  return [
    error(
      `it is to listen on ${host} without TLS${publicUrl === undefined ? '' : ` (for ${publicUrl})`}`,
      'A start is refused: API keys would travel unencrypted.',
      '--tls self-signed or files, a TLS proxy in front of 127.0.0.1, or --plain-http where the network is trusted.',
    ),
  ]
}

function validity(leaf: X509Certificate, path: string, now: Date): Finding[] {
  const untilMs = leaf.validToDate.getTime()
  const advice = `Renew ${path}; a running Millrace takes the new one by itself.`
  if (leaf.validFromDate > now)
    return [
      error(
        `the certificate is valid from ${leaf.validFromDate.toISOString()} on`,
        'Clients refuse the connection until then.',
        'Look at the clock of this machine, or use another certificate.',
      ),
    ]
  if (untilMs <= now.getTime())
    return [
      error(
        `the certificate expired on ${leaf.validToDate.toISOString()}`,
        'Clients refuse the connection.',
        advice,
      ),
    ]
  if (untilMs - now.getTime() < SOON_MS)
    return [
      warning(
        `the certificate expires on ${leaf.validToDate.toISOString()}`,
        'From then on clients refuse the connection.',
        advice,
      ),
    ]
  return []
}

function names(leaf: X509Certificate, path: string, publicUrl: string | undefined): Finding[] {
  if (publicUrl === undefined) return []
  const host = hostOf(publicUrl)
  if (host === undefined)
    return [
      error(
        `MILLRACE_PUBLIC_URL is no URL: ${publicUrl}`,
        'Links lead nowhere.',
        'It is such as https://events.example.org.',
      ),
    ]
  const isCovered = isIP(host) === 0 ? leaf.checkHost(host) : leaf.checkIP(host)
  if (isCovered !== undefined) return []
  return [
    error(
      `the certificate is not for ${host} (it names ${leaf.subjectAltName ?? 'nobody'})`,
      'Clients that are given the public URL refuse the connection.',
      `A certificate with that name in ${path}, or another MILLRACE_PUBLIC_URL.`,
    ),
  ]
}

function hostOf(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).hostname.replace(/^\[(.*)\]$/, '$1') : undefined
}

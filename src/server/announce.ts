import type { Log } from '../kernel/index.ts'
import type { LogFormat } from './log-stream.ts'

export type FirstAccount = { email: string; password: string; masterKey: string; writeOnlyKey: string }

/** Says where everything is, once it is ready; at the very first start also the credentials, which are never shown again. */
export function announce({
  url,
  gatewayUrl,
  adminUrl,
  dataDir,
  firstAccount,
  format,
  log,
}: {
  url: string
  gatewayUrl: string
  adminUrl: string
  dataDir: string
  firstAccount: unknown
  format: LogFormat
  log: Log
}): void {
  if (format === 'json') {
    log.info(
      { url, gatewayUrl, adminUrl, dataDir, ...(firstAccount === undefined ? {} : { firstAccount }) },
      'ready',
    )
    return
  }
  const account = firstAccount as FirstAccount | undefined
  const lines = [
    '',
    `  Millrace is ready   ${url}`,
    `  Console             ${url}/app/`,
    `  Presto and Trino    ${gatewayUrl}   (JDBC, BI tools; the user is an API key)`,
    `  Health and metrics  ${adminUrl}/readyz  ${adminUrl}/metrics`,
    `  Data directory      ${dataDir}`,
  ]
  if (account) {
    lines.push(
      '',
      '  First start: these are shown once and stored only as hashes.',
      `  Owner               ${account.email}`,
      `  Password            ${account.password}`,
      `  Master key          ${account.masterKey}`,
      `  Write-only key      ${account.writeOnlyKey}   (may only import)`,
    )
  }
  lines.push('', '  Ctrl-C drains and stops.', '')
  process.stdout.write(`${lines.join('\n')}\n`)
}

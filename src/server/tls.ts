import { X509Certificate } from 'node:crypto'
import { existsSync, readFileSync, unwatchFile, watchFile } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { createSecureContext, type SecureContextOptions } from 'node:tls'
import { configErrors, ensureDirectory, type Log, writeFileDurably } from '../kernel/index.ts'
import type { ServerSettings } from './config.ts'
import { selfSignedCertificate } from './self-signed.ts'

export type TlsFiles = { certificatePath: string; keyPath: string }

/**
 * Where certificate and key are, or undefined for plain http. `self-signed` makes them on first use and renews them 30
 * days before they end. @throws setting_invalid when files are asked for and not named, or not usable
 */
export async function tlsFiles(
  settings: ServerSettings,
  dataDir: string,
  now: Date,
): Promise<TlsFiles | undefined> {
  if (settings.tls === 'off') return undefined
  if (settings.tls === 'files') {
    if (!settings.tlsCert || !settings.tlsKey) {
      throw configErrors.setting_invalid('MILLRACE_TLS=files needs MILLRACE_TLS_CERT and MILLRACE_TLS_KEY')
    }
    const files = { certificatePath: settings.tlsCert, keyPath: settings.tlsKey }
    try {
      // Here it is one clear refusal; in the edge it would be a process that ends again and again.
      createSecureContext(readTls(files))
    } catch (error) {
      throw configErrors.setting_invalid(
        `MILLRACE_TLS_CERT and MILLRACE_TLS_KEY: ${(error as Error).message}`,
        error,
      )
    }
    return files
  }
  const directory = join(dataDir, 'tls')
  await ensureDirectory(directory)
  const files = {
    certificatePath: join(directory, 'self-signed.pem'),
    keyPath: join(directory, 'self-signed.key'),
  }
  if (!isFresh(files, now)) {
    const hosts = [...new Set(['localhost', hostname(), '127.0.0.1', '::1', settings.host])].filter(
      (h) => h !== '0.0.0.0' && h !== '::',
    )
    const { certificatePem, keyPem } = selfSignedCertificate({
      hosts,
      from: new Date(now.getTime() - 3_600_000),
      days: 397,
    })
    await writeFileDurably(files.keyPath, keyPem)
    await writeFileDurably(files.certificatePath, certificatePem, 0o644)
  }
  return files
}

function isFresh({ certificatePath, keyPath }: TlsFiles, now: Date): boolean {
  if (!existsSync(certificatePath) || !existsSync(keyPath)) return false
  const { validToDate } = new X509Certificate(readFileSync(certificatePath))
  return validToDate.getTime() - now.getTime() > 30 * 86_400_000
}

/** What a server is created with, and what `setSecureContext` takes. */
export function readTls({ certificatePath, keyPath }: TlsFiles) {
  return { cert: readFileSync(certificatePath), key: readFileSync(keyPath), minVersion: 'TLSv1.2' as const }
}

/**
 * Applies new certificate files to a running server. A pair that does not fit together (one file written, the other not
 * yet) is not applied: the old one stays until both fit.
 */
export function followTls(
  files: TlsFiles,
  apply: (options: SecureContextOptions) => void,
  { log, everyMs = 5_000 }: { log: Log; everyMs?: number },
): () => void {
  const reload = () => {
    try {
      apply(readTls(files))
      log.info({ certificate: files.certificatePath }, 'certificate reloaded')
    } catch (error) {
      log.warn(
        { certificate: files.certificatePath, err: error },
        'certificate not usable yet, keeping the one in use',
      )
    }
  }
  const watched = [files.certificatePath, files.keyPath]
  for (const path of watched) watchFile(path, { interval: everyMs, persistent: false }, reload)
  return () => {
    for (const path of watched) unwatchFile(path, reload)
  }
}

import { createTransport } from 'nodemailer'
import type { AlertSettings } from './config.ts'

export type Email = { id: string; to: string; subject: string; text: string }
export type SendEmail = (email: Email) => Promise<void>

const CONNECT_MS = 10_000
const SILENCE_MS = 15_000

type SmtpSettings = Pick<
  AlertSettings,
  'smtpHost' | 'smtpPort' | 'smtpTls' | 'smtpUser' | 'smtpPassword' | 'sender'
>

/** Hands one message to the SMTP server; resolves when that has taken it. undefined when none is configured. */
export function createEmailSender(
  settings: SmtpSettings,
  /** Authorities to trust instead of the runtime's. */
  { ca }: { ca?: string } = {},
): SendEmail | undefined {
  const { smtpHost, smtpPort, smtpTls, smtpUser, smtpPassword, sender } = settings
  if (smtpHost === undefined) return undefined
  const transport = createTransport({
    host: smtpHost,
    port: smtpPort,
    secure: smtpTls === 'implicit',
    requireTLS: smtpTls === 'starttls',
    ignoreTLS: smtpTls === 'off',
    ...(smtpUser !== undefined && { auth: { user: smtpUser, pass: smtpPassword ?? '' } }),
    ...(ca !== undefined && { tls: { ca } }),
    connectionTimeout: CONNECT_MS,
    greetingTimeout: CONNECT_MS,
    socketTimeout: SILENCE_MS,
    // Nothing of a message may make the server read files or fetch URLs.
    disableFileAccess: true,
    disableUrlAccess: true,
  })
  const domain = /@([^\s>]+)/.exec(sender)?.[1] ?? 'millrace.invalid'
  return async ({ id, to, subject, text }) => {
    await transport.sendMail({
      from: sender,
      to: { name: '', address: to },
      subject,
      text,
      // The same however often it is sent: mail programs show such a repetition once.
      messageId: `<${id}@${domain}>`,
      headers: { 'Auto-Submitted': 'auto-generated' },
    })
  }
}

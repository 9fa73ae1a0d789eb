import { defineSettings } from '../kernel/index.ts'

export const readAlertSettings = defineSettings('alerts', {
  smtpHost: {
    env: 'MILLRACE_ALERTS_SMTP_HOST',
    type: 'optional-text',
    example: 'smtp.example.org',
    help: 'Server that takes e-mail for delivery. Without it no e-mail is sent and none can be asked for.',
  },
  smtpPort: {
    env: 'MILLRACE_ALERTS_SMTP_PORT',
    type: 'integer',
    default: 587,
    least: 1,
    most: 65535,
    help: 'Its port: usually 587 with `starttls`, 465 with `implicit`.',
  },
  smtpTls: {
    env: 'MILLRACE_ALERTS_SMTP_TLS',
    type: 'choice',
    choices: ['starttls', 'implicit', 'off'],
    default: 'starttls',
    help: 'How the connection is encrypted. `starttls` is required, not tried. The certificate is checked; a private authority comes in through NODE_EXTRA_CA_CERTS. `off` is for a server on the same machine.',
  },
  smtpUser: {
    env: 'MILLRACE_ALERTS_SMTP_USER',
    type: 'optional-text',
    help: 'Name to log in with, where the server asks for one.',
  },
  smtpPassword: {
    env: 'MILLRACE_ALERTS_SMTP_PASSWORD',
    type: 'optional-text',
    help: 'Password to log in with.',
  },
  sender: {
    env: 'MILLRACE_ALERTS_SENDER',
    type: 'text',
    default: 'Millrace <millrace@localhost>',
    help: 'Address that alerts come from.',
  },
  emailDomains: {
    env: 'MILLRACE_ALERTS_EMAIL_DOMAINS',
    type: 'list',
    default: [],
    example: 'example.org,example.com',
    help: 'Domains that alerts may be sent to. Empty: any.',
  },
  allowPrivate: {
    env: 'MILLRACE_ALERTS_PRIVATE_ADDRESSES',
    type: 'boolean',
    default: false,
    help: 'Allow webhooks to loopback, private and link-local addresses, and plain http.',
  },
  gatherSeconds: {
    env: 'MILLRACE_ALERTS_GATHER_SECONDS',
    type: 'integer',
    default: 10,
    least: 0,
    most: 3600,
    help: 'How long the first alert waits for others to go out in one message with it.',
  },
  quietSeconds: {
    env: 'MILLRACE_ALERTS_QUIET_SECONDS',
    type: 'integer',
    default: 300,
    least: 0,
    most: 86_400,
    help: 'Least time between two messages to one address or webhook; what happens meanwhile is told in one.',
  },
  giveUpHours: {
    env: 'MILLRACE_ALERTS_GIVE_UP_HOURS',
    type: 'integer',
    default: 72,
    least: 1,
    most: 720,
    help: 'How long a message that is not taken is sent again.',
  },
})

export type AlertSettings = ReturnType<typeof readAlertSettings>

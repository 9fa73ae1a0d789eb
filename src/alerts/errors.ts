import { errorTable } from '../kernel/index.ts'

export const alertErrors = errorTable('alerts', {
  alert_unknown: {
    status: 404,
    advice: 'final',
    message: (d) => `no alerts are set for ${d}`,
    help: 'The schedule, or the account, has no rule of its own; it was looked up in the main database.',
  },
  alert_invalid: {
    status: 422,
    advice: 'final',
    message: (d) => `Validation failed: ${d}`,
    help: 'A parameter of the rule is missing or wrong; the message names it. Nothing was changed.',
  },
  email_off: {
    status: 400,
    advice: 'final',
    message: () => 'this server sends no e-mail: its operator has to set MILLRACE_ALERTS_SMTP_HOST',
    help: 'A rule names e-mail addresses and no SMTP server is configured. Use a webhook, or configure one.',
  },
  webhook_refused: {
    status: 422,
    advice: 'final',
    message: (d) => `Validation failed: Webhook ${d}`,
    help: 'The URL of a webhook is not one that may be called from here; the message says why. Private addresses need MILLRACE_ALERTS_PRIVATE_ADDRESSES.',
  },
})

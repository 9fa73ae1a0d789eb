import { type AppError, errorTable } from '../errors.ts'

export const httpErrors = errorTable('http', {
  bad_request: {
    status: 400,
    advice: 'final',
    message: (d) => d,
    help: 'The request cannot be read; the message says where. Nothing was changed.',
  },
  failed_to_login: {
    status: 401,
    advice: 'final',
    message: () => 'Failed to Login',
    help: 'No API key was sent, or the key was looked up and does not exist or is revoked.',
  },
  not_authorized: {
    status: 403,
    advice: 'final',
    message: (d) => `not authorized ${d}`,
    help: 'The key is good but may not do this. An owner or administrator can grant the permission.',
  },
  path_unknown: {
    status: 404,
    advice: 'final',
    message: (d) => `no such path: ${d}`,
    help: 'This server has no such endpoint.',
  },
  not_supported: {
    // 400 and not 501: td-client-ruby retries every 5xx of a GET or a connector call for ten minutes (lib/td/client/api.rb).
    status: 400,
    advice: 'final',
    message: (d) => `not supported yet: ${d}`,
    help: 'Part of the protocol that this release does not offer.',
  },
  body_too_large: {
    status: 413,
    advice: 'final',
    message: (d) => `request body too large: ${d}`,
    help: 'Send smaller chunks; the message names the limit.',
  },
  too_many_requests: {
    // td-client-ruby does not retry it, td-client-java and td-client-python honour Retry-After, fluentd's buffer retries.
    status: 429,
    advice: 'retry',
    message: (d) => `too many requests: ${d}`,
    help: 'This key asks more often than the settings allow (MILLRACE_REQUESTS_PER_SECOND, MILLRACE_IMPORTS_PER_SECOND). Wait as long as Retry-After says. Nothing was changed.',
    retryAfterSeconds: 1,
  },
  internal: {
    status: 500,
    advice: 'retry',
    message: (d) => `internal error, reference ${d}`,
    help: 'A fault of the server; its log has the details under the reference.',
  },
})

/** The one JSON error body that Ruby, Python, Java and Go clients can all read (rest-api reference §3.1). */
export function v3ErrorBody(error: AppError): Record<string, unknown> {
  return {
    error: error.message,
    message: error.message,
    errorMessage: error.message,
    text: error.message,
    severity: 'error',
    status_code: error.status,
    error_code: error.code,
    ...(error.details === undefined ? {} : { details: error.details }),
  }
}

import { errorTable } from '../kernel/index.ts'

// fluent-plugin-td (lib/fluent/plugin/out_tdlog.rb) throws a chunk away on every 4xx but 404 and 429: a 4xx here means "certain".
export const ingestErrors = errorTable('ingest', {
  database_unknown: {
    status: 404,
    advice: 'final',
    message: (d) => `Database '${d}' does not exist`,
    help: 'Looked up and not there. Create the database and the table first.',
  },
  table_unknown: {
    status: 404,
    advice: 'final',
    message: (d) => `Table '${d}' does not exist`,
    help: 'Looked up and not there. Create the table first; fluentd with auto_create_table does so by itself.',
  },
  directory_away: {
    status: 503,
    advice: 'retry',
    message: (d) => `${d} cannot be checked right now, retry later`,
    help: 'The key or table is not in the local snapshot and core or the main database could not be asked. Nothing was stored; send again.',
  },
  import_format_unsupported: {
    status: 400,
    advice: 'final',
    message: (d) => `unsupported format: ${d} (only msgpack.gz can be imported)`,
    help: 'Streaming import takes gzipped MessagePack only.',
  },
  import_not_gzip: {
    status: 400,
    advice: 'final',
    message: () => 'the body is not gzip',
    help: 'The body of an import has to begin with the gzip magic 1f 8b.',
  },
  import_encoding_unsupported: {
    status: 400,
    advice: 'final',
    message: (d) => `unsupported content encoding: ${d}`,
    help: 'Send the gzipped MessagePack as it is, without a Content-Encoding.',
  },
  import_path_invalid: {
    status: 400,
    advice: 'final',
    message: (d) => `the path of the import cannot be read: ${d}`,
    help: 'A percent escape does not decode to UTF-8, or the unique id has more than 512 bytes.',
  },
  import_too_large: {
    status: 413,
    advice: 'final',
    message: (d) => `the body is larger than ${d} bytes`,
    help: 'Send smaller chunks, or raise MILLRACE_INGEST_BODY_BYTES (at most 64 MiB).',
  },
  import_memory_short: {
    status: 503,
    advice: 'retry',
    retryAfterSeconds: 2,
    message: () => 'too many large requests at once, retry later',
    help: 'The bodies being received together exceed MILLRACE_INGEST_MEMORY_BYTES. Nothing was stored; send again.',
  },
  core_away: {
    status: 503,
    advice: 'retry',
    retryAfterSeconds: 5,
    message: () => 'the service is restarting, retry later',
    help: 'The process behind the edge could not be reached, or ended before it answered: whether the request took effect is not known. Imports are not affected.',
  },
  write_key_missing: {
    status: 403,
    advice: 'final',
    message: () => 'no write key was sent',
    help: 'Send the key as X-TD-Write-Key or Authorization: TD1 KEY; browsers of the old SDK and webhooks may also put it into the query.',
  },
  write_key_refused: {
    status: 403,
    advice: 'final',
    message: () => 'the write key is not valid',
    help: 'The key was looked up and does not exist, or it is revoked. While it cannot be looked up, events are accepted and checked later.',
  },
  event_name_invalid: {
    status: 400,
    advice: 'final',
    message: (d) => `'${d}' is no name of a database or table`,
    help: 'Names of databases and tables have 3 to 255 characters of a-z, 0-9 and _. They are never rewritten.',
  },
  event_body_invalid: {
    status: 400,
    advice: 'final',
    message: (d) => `the events cannot be read: ${d}`,
    help: 'The body is not the JSON the protocol asks for, or cannot be decompressed; the message says where. Nothing was stored.',
  },
  event_too_many: {
    status: 413,
    advice: 'final',
    message: (d) => `more than ${d} events in one request`,
    help: 'Send fewer events at once. Nothing was stored.',
  },
  event_body_too_large: {
    status: 413,
    advice: 'final',
    message: (d) => `the events are larger than ${d} bytes`,
    help: 'Counted after decompression; see MILLRACE_EVENTS_BODY_BYTES. A record of postback v2 may have 1,048,064 bytes. Nothing was stored.',
  },
  event_callback_invalid: {
    status: 400,
    advice: 'final',
    message: () => 'callback is not the name of a function',
    help: 'A JSONP callback has letters, digits, _, $ and dots, up to 64 characters.',
  },
  event_method_unsupported: {
    status: 405,
    advice: 'final',
    message: (d) => `${d} is not supported here`,
    help: 'Events are posted; td-js-sdk 1.x and 2.x get them.',
  },
})

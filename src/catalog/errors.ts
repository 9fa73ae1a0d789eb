import { errorTable } from '../kernel/index.ts'

export const catalogErrors = errorTable('catalog', {
  catalog_lost: {
    status: 500,
    advice: 'final',
    message: (d) => `the data directory has chunks, and the main database knows nothing of them: ${d}`,
    help: 'Starting would make an empty catalog. Make it anew from the files with `millrace fsck --rebuild-catalog`, restore a backup, or put `postgres` back where it was; see the runbook "The catalog is lost". To begin with nothing, move `objects` away.',
  },
  catalog_away: {
    status: 503,
    advice: 'retry',
    message: (d) => `${d} cannot be looked up right now, retry later`,
    help: 'The main database is away and the local snapshot does not hold the answer, or is older than an hour.',
  },
  identity_unknown: {
    status: 503,
    advice: 'retry',
    message: () => 'the API key cannot be checked right now, retry later',
    help: 'The key is not in the local snapshot and the main database is away. It is not said to be wrong.',
  },
  login_wrong: {
    status: 401,
    advice: 'final',
    message: () => 'incorrect email or password',
    help: 'user/authenticate was given a user that does not exist or a password that is not theirs.',
  },
  login_throttled: {
    status: 429,
    advice: 'retry',
    message: (d) => `too many failed logins; try again in ${d} s`,
    help: 'After ten wrong passwords for a name, or from an address, each further one costs up to a minute. Nothing was checked; Retry-After says when the next attempt is.',
  },
  name_invalid: {
    status: 400,
    advice: 'final',
    message: (d) => `${d}: a name has 3 to 255 characters, only lower-case letters, digits and _`,
    help: 'Names of databases and tables match ^[a-z0-9_]{3,255}$. Nothing is rewritten silently.',
  },
  database_unknown: {
    status: 404,
    advice: 'final',
    message: (d) => `Database '${d}' does not exist`,
    help: 'Looked up in the main database: there is no such database in this account.',
  },
  database_exists: {
    status: 409,
    advice: 'final',
    message: (d) => `Database '${d}' already exists`,
    help: 'Use it, or choose another name.',
  },
  database_protected: {
    status: 403,
    advice: 'final',
    message: (d) => `Database '${d}' is protected against deletion`,
    help: 'The database was marked delete-protected by its owner.',
  },
  table_unknown: {
    status: 404,
    advice: 'final',
    message: (d) => `Table '${d}' does not exist`,
    help: 'Looked up in the main database: there is no such table.',
  },
  table_exists: {
    status: 409,
    advice: 'final',
    message: (d) => `Table '${d}' already exists`,
    help: 'Use it, or choose another name. A repeat of table/create with the same idempotent_key answers 200.',
  },
  not_restorable: {
    status: 404,
    advice: 'final',
    message: (d) => `${d} cannot be restored: it was never deleted, or too long ago`,
    help: 'What was deleted can be restored for MILLRACE_UNDELETE_HOURS; table/deleted lists it.',
  },
  no_distribution: {
    status: 404,
    advice: 'final',
    message: (d) => `Table '${d}' has no user-defined partitioning`,
    help: 'table/distribution: tables are partitioned by time only.',
  },
  schema_invalid: {
    status: 422,
    advice: 'final',
    message: (d) => `the schema cannot be used: ${d}`,
    help: 'A schema is a JSON array of [key, type], [key, type, alias] or [key, type, alias, description].',
  },
  parameter_invalid: {
    status: 422,
    advice: 'final',
    message: (d) => d,
    help: 'A parameter is missing or cannot be used; the message names it.',
  },
  user_unknown: {
    status: 404,
    advice: 'final',
    message: (d) => `User '${d}' does not exist`,
    help: 'There is no user of this account with that name or e-mail address.',
  },
  user_exists: {
    status: 409,
    advice: 'final',
    message: (d) => `a user with the address '${d}' already exists`,
    help: 'E-mail addresses are unique within an account, without regard to case.',
  },
  key_unknown: {
    status: 404,
    advice: 'final',
    message: () => 'that user has no such API key',
    help: 'user/apikey/remove takes the whole key, its prefix or its id as user/apikey/list shows them.',
  },
  connection_unknown: {
    status: 404,
    advice: 'final',
    message: (d) => `Result '${d}' does not exist`,
    help: 'There is no result target of that name.',
  },
  connection_exists: {
    status: 409,
    advice: 'final',
    message: (d) => `Result '${d}' already exists`,
    help: 'Choose another name, or delete the old one first.',
  },
})

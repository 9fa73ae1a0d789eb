import { errorTable } from '../kernel/index.ts'

export const bulkImportErrors = errorTable('bulk import', {
  bulk_import_unknown: {
    status: 404,
    advice: 'final',
    message: (d) => `Bulk import session '${d}' does not exist`,
    help: 'Looked up in the main database: the account has no session of that name.',
  },
  bulk_import_exists: {
    status: 409,
    advice: 'final',
    message: (d) => `Bulk import session '${d}' already exists`,
    help: 'Names of sessions are unique within an account, until the session is deleted.',
  },
  bulk_import_name_invalid: {
    status: 422,
    advice: 'final',
    message: (d) => `Validation failed: ${d}`,
    help: 'Names of sessions have 3 to 255 characters, those of parts 1 to 255; neither holds control characters.',
  },
  bulk_import_target_gone: {
    status: 404,
    advice: 'final',
    message: (d) => `The table of bulk import session '${d}' was deleted; only show and delete still work`,
    help: 'Sessions outlive their table or database, but nothing can be loaded with them any more. Delete the session.',
  },
  bulk_import_step_refused: {
    status: 409,
    advice: 'final',
    message: (d) => `Bulk import session ${d}`,
    help: 'The session is in a state in which this cannot happen; nothing was changed. The guide has the table of all steps.',
  },
  bulk_import_part_unknown: {
    status: 404,
    advice: 'final',
    message: (d) => `Bulk import part '${d}' does not exist`,
    help: 'The session has no part of that name.',
  },
  bulk_import_part_too_large: {
    status: 413,
    advice: 'final',
    message: (d) => `the part is larger than ${d} bytes`,
    help: 'Split the file into more parts; MILLRACE_BULK_IMPORT_PART_BYTES is the limit.',
  },
  bulk_import_part_damaged: {
    status: 400,
    advice: 'final',
    message: (d) => `the part did not arrive as it was sent: ${d}`,
    help: 'Length or Content-MD5 of the body are not what the request says. Nothing was stored; upload the part again.',
  },
  bulk_import_part_lost: {
    status: 503,
    advice: 'retry',
    message: (d) => `the file of part '${d}' is not there any more, upload it again`,
    help: 'The upload was held up for so long that its file was taken for a leftover. Upload the part again.',
  },
})

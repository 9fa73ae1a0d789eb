import { errorTable } from '../kernel/index.ts'

export const exportErrors = errorTable('export', {
  export_not_offered: {
    status: 400,
    advice: 'final',
    message: () => 'this server exports no tables: its operator has to set MILLRACE_EXPORT_DIRECTORY',
    help: 'There is no S3 here; exports are written into a directory that the operator names with MILLRACE_EXPORT_DIRECTORY.',
  },
  export_only_s3: {
    status: 400,
    advice: 'final',
    message: (d) => `only s3 is supported as storage type, not '${d}'`,
    help: 'Send storage_type=s3, as all clients do; the bucket is a folder of the directory for exports.',
  },
  export_format_unknown: {
    status: 400,
    advice: 'final',
    message: (d) => `there is no export format '${d}'; use jsonl.gz, line-json.gz, json.gz or tsv.gz`,
    help: 'The formats are jsonl.gz, which is line-json.gz, with an object on each line, json.gz with an array of objects, and tsv.gz.',
  },
  export_place_invalid: {
    status: 422,
    advice: 'final',
    message: (d) => `Validation failed: ${d}`,
    help: "A bucket is named as S3 wants it. A prefix is a path in it of letters, digits, blanks and ! - _ . * ' ( ), no part of which begins with a point.",
  },
  export_encryption_not_offered: {
    status: 400,
    advice: 'final',
    message: () => 'encryption of exports is not offered',
    help: 'Files are written as they are; use an encrypted disk, and leave the option out.',
  },
})

/** What a result can be had as, and what each is called on the wire (treasure-data/td-client-java TDClient.jobResult, td-client-ruby job.rb). */
export const RESULT_CONTENT_TYPES = {
  msgpack: 'application/x-msgpack',
  'msgpack.gz': 'application/x-gzip',
  json: 'application/json; charset=utf-8',
  csv: 'text/csv; charset=utf-8',
  tsv: 'text/tab-separated-values; charset=utf-8',
  'json.gz': 'application/x-gzip',
  'csv.gz': 'application/x-gzip',
  'tsv.gz': 'application/x-gzip',
} as const
export type ResultFormat = keyof typeof RESULT_CONTENT_TYPES

export const RESULT_FORMATS = Object.keys(RESULT_CONTENT_TYPES) as ResultFormat[]

/** Bodies as the server sends them (rest-api reference §5); only what is shown or used here. */
export type Database = {
  id?: string
  name: string
  count: number
  created_at: string
  updated_at: string
  permission: string
  delete_protected?: boolean
}

export type Table = {
  id: number
  name: string
  type: string
  count: number
  estimated_storage_size: number
  /** JSON text: `[[key, type, alias?, description?], …]`. */
  schema: string
  created_at: string
  updated_at: string
  counter_updated_at: string | null
  last_log_timestamp: string | null
  expire_days: number | null
  include_v: boolean
  description?: string | null
}

export type DeletedTable = {
  id: number
  name: string
  database_id: number
  database_name: string
  deleted_at: string
  created_at: string
}

/** Something accepted that could not be stored; `body` is base64. */
export type ErrorRecord = {
  id: number
  database: string
  table: string
  channel: string
  reason: string
  records: number
  unique_id: string | null
  received_at: string
  bytes: number
  body: string | null
}

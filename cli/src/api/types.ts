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

export type Job = {
  job_id: string
  type: string
  database: string
  status: 'queued' | 'booting' | 'running' | 'success' | 'error' | 'killed'
  query: unknown
  created_at: string
  updated_at: string
  start_at: string | null
  end_at: string | null
  duration: number | null
  cpu_time: number | null
  result_size: number | null
  num_records: number | null
  result: string
  priority: number
  retry_limit: number
  /** JSON text: `[[name, type], …]`. */
  hive_result_schema: string | null
  user_name: string
  url: string
  debug?: { cmdout: string | null; stderr: string | null }
  /** In a history. */
  scheduled_at?: string | null
}

export type Schedule = {
  id: number
  name: string
  cron: string | null
  timezone: string
  delay: number
  type: string
  query: string
  database: string
  user_name: string
  priority: number
  retry_limit: number
  result: string
  next_time: string | null
  start?: string | null
  created_at: string
}

export type User = {
  id: number
  name: string
  email: string
  administrator: boolean
  account_owner: boolean
  created_at: string
}

export type Result = { name: string; url: string }

export type AccessOfUser = {
  user_id: number
  permissions: { Databases?: { operation: string; ids: string[] }[] }
}

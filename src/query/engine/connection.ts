import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'

/**
 * A DuckDB in memory as every engine starts with; limits and closed doors come with the job. An engine reads each file once,
 * for one query, so a copy of it in memory would only cost.
 */
export async function openConnection(): Promise<DuckDBConnection> {
  const instance = await DuckDBInstance.create(':memory:', {
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    allow_community_extensions: 'false',
    allow_unsigned_extensions: 'false',
    enable_external_file_cache: 'false',
    threads: '1',
  })
  const connection = await instance.connect()
  await connection.run(
    `SET TimeZone = 'UTC'; SET enable_progress_bar = true; SET enable_progress_bar_print = false`,
  )
  return connection
}

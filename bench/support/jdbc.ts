import { execFileSync, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { withRetries } from '../../test/clients/java-support.ts'

export type Reading = { rows: number; columnsMs: number; rowsMs: number; cpuMs: number }

/** A process with trino-jdbc 476 that reads all rows of one statement after the other. `work` keeps the driver. */
export function startReader(work: string, url: string, user: string) {
  const driver = `${work}/trino-jdbc-476.jar`
  withRetries(() =>
    execFileSync(
      'mvn',
      [
        ...['-q', '-B', 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy'],
        ...['-Dartifact=io.trino:trino-jdbc:476', `-DoutputDirectory=${work}`, '-Dmdep.useBaseVersion=true'],
      ],
      { stdio: 'pipe' },
    ),
  )
  execFileSync('javac', ['-nowarn', '-d', work, 'bench/support/java/millrace/ReadRows.java'], {
    stdio: 'pipe',
  })
  const child = spawn('java', ['-Xmx1g', '-cp', `${work}:${driver}`, 'millrace.ReadRows', url, user], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    async read(text: string): Promise<Reading> {
      child.stdin.write(`${text.replaceAll('\n', ' ')}\n`)
      const { value, done } = await lines.next()
      if (done) throw new Error('the driver ended')
      const [rows, columnsMs, rowsMs, cpuMs] = String(value).split(' ').map(Number) as [
        number,
        number,
        number,
        number,
      ]
      return { rows, columnsMs, rowsMs, cpuMs }
    },
    stop: () => child.kill(),
  }
}

/** Nine columns, as an access log has them. `count` is a multiple of 1,000. */
export function logRows(count: number): string {
  return `SELECT 1700000000 + n AS time, '10.0.' || CAST(n % 250 AS varchar) || '.' || CAST(n % 91 AS varchar) AS host,
      CASE WHEN n % 3 = 0 THEN NULL ELSE 'u' || CAST(n % 1000 AS varchar) END AS member, 'GET' AS method,
      '/category/electronics/item-' || CAST((n * 7919) % 5000 AS varchar) AS path, 200 + n % 5 AS code, (n * 104729) % 100000 AS size,
      '/search?q=' || CAST((n * 31) % 777 AS varchar) AS referer,
      'Mozilla/5.0 (Windows NT 6.1; WOW64) AppleWebKit/535.11 Chrome/17.0.963.56 Safari/535.' || CAST(n % 20 AS varchar) AS agent
    FROM (SELECT (a - 1) * 1000 + b AS n FROM UNNEST(sequence(BIGINT '1', ${count / 1000})) x(a), UNNEST(sequence(BIGINT '1', 1000)) y(b))`
}

export function median(numbers: number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]!
}

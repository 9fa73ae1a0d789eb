import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { request } from 'node:http'
import { connect } from 'node:net'
import { join, resolve } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { pause, type RestClient, restClient } from './support/client.ts'
import { bold, dim, progressBar, table } from './support/terminal.ts'

/** Every 13th flight of the 3 million in vega-datasets: enough to be real, small enough to be quick. */
const FLIGHTS = 'node_modules/vega-datasets/data/flights-3m.parquet'
const AIRPORTS = 'node_modules/vega-datasets/data/airports.csv'
const CHUNK_ROWS = 10_000

const once = process.argv.includes('--once')
const dataDir = resolve(process.env.MILLRACE_DATA_DIR ?? '.millrace')
const startedMs = performance.now()
let interrupted = false

type Running = { url: string; adminSocket: string; pid: number }

async function main(): Promise<void> {
  const server = await startServer()
  try {
    const running = await server.ready
    const { apikey } = await makeKey(running)
    const client = restClient(running.url, apikey)
    console.log(
      `${bold('Millrace is up')} at ${running.url} ${dim(`(data in ${dataDir}, log in ${server.logPath})`)}\n`,
    )
    const rows = await importFlights(client)
    const stream = startPageViews(client)
    await waitUntilLoaded(client, rows)
    await showQueries(client)
    console.log(dim(`From start to third answer: ${((performance.now() - startedMs) / 1000).toFixed(1)} s\n`))
    if (once) return await stream.stop()
    printNextSteps(running, apikey)
    await server.ended
    await stream.stop()
  } finally {
    await server.stop()
  }
}

async function startServer() {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const logPath = join(dataDir, 'quickstart.log')
  const runPath = join(dataDir, 'run.json')
  const args = [
    'up',
    '--data-dir',
    dataDir,
    '--log-format',
    'json',
    '--port',
    await portOr(8080),
    '--admin-port',
    await portOr(8081),
  ]
  // A group of its own: Ctrl-C at the terminal comes to us, and the server gets one signal, not two, which would cut its drain.
  const child = spawn('bin/millrace', args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  const log = createWriteStream(logPath, { flags: 'a', mode: 0o600 })
  child.stdout.pipe(log, { end: false })
  let complaint = ''
  child.stderr.on('data', (part: Buffer) => {
    complaint += part
    log.write(part)
  })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      interrupted = true
      child.kill('SIGTERM')
    })
  }
  return {
    ready: whenReady(child, runPath, logPath, () => complaint),
    ended,
    logPath,
    stop: () => stop(child, ended),
  }
}

/** The usual port when it is free, otherwise 0: any. */
function portOr(port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve('0')
    })
    socket.once('error', () => resolve(String(port)))
  })
}

async function whenReady(
  child: ChildProcess,
  runPath: string,
  logPath: string,
  complaint: () => string,
): Promise<Running> {
  for (;;) {
    if (child.exitCode !== null || child.signalCode !== null)
      throw new Error(`Millrace did not start:\n${complaint()}\nThe log: ${logPath}`)
    const running = existsSync(runPath) ? (JSON.parse(readFileSync(runPath, 'utf8')) as Running) : undefined
    // One that has run here before may have left its own.
    if (running !== undefined && running.pid === child.pid) return running
    await pause(50)
  }
}

async function stop(child: ChildProcess, ended: Promise<void>): Promise<void> {
  if (child.exitCode === null) child.kill('SIGTERM')
  await ended
}

/** A master key made on this machine over the admin socket, whose file mode is the permission. */
function makeKey({ adminSocket }: Running): Promise<{ apikey: string }> {
  return new Promise((resolve, reject) => {
    const call = request(
      { socketPath: adminSocket, method: 'POST', path: '/keys?kind=master&name=quickstart' },
      (response) => {
        let text = ''
        response.on('data', (part) => {
          text += part
        })
        response.on('end', () => {
          if (response.statusCode === 200) resolve(JSON.parse(text) as { apikey: string })
          else reject(new Error(`no key could be made: ${text}`))
        })
      },
    )
    call.on('error', reject)
    call.end()
  })
}

async function importFlights(client: RestClient): Promise<number> {
  await client.ensure('/v3/database/create/airlines')
  await client.ensure('/v3/table/create/airlines/flights/log')
  await client.ensure('/v3/table/create/airlines/airports/log')
  const source = await (await DuckDBInstance.create(':memory:')).connect()
  const airports = await source.runAndReadAll(
    `SELECT 0 AS time, iata, name, city, state, latitude, longitude FROM read_csv('${AIRPORTS}')`,
  )
  await client.importRecords(
    'airlines',
    'airports',
    'airports',
    airports.getRowObjectsJS() as Record<string, unknown>[],
  )

  const picked = `SELECT epoch(date)::INTEGER AS time, delay::INTEGER AS delay, distance::INTEGER AS distance, origin, destination
    FROM (SELECT *, row_number() OVER () AS n FROM '${FLIGHTS}') WHERE n % 13 = 0`
  const counted = await source.runAndReadAll(`SELECT count(*)::INTEGER FROM (${picked})`)
  const total = counted.getRowsJS()[0][0] as number
  const show = progressBar('Importing flights', total)
  const result = await source.stream(`${picked} ORDER BY n`)
  let records: Record<string, unknown>[] = []
  let sent = 0
  const send = async (chunk: Record<string, unknown>[]) => {
    await client.importRecords('airlines', 'flights', `flights-${sent}`, chunk)
    sent += chunk.length
    show(sent)
  }
  const names = result.deduplicatedColumnNames()
  for await (const chunk of result) {
    for (const row of chunk.getRows()) {
      records.push(Object.fromEntries(names.map((name, i) => [name, row[i]])))
    }
    while (records.length >= CHUNK_ROWS) await send(records.splice(0, CHUNK_ROWS))
  }
  if (records.length > 0) await send(records)
  records = []
  return total
}

/** A few page views each 200 ms, so that "last hour" has an answer that moves. */
function startPageViews(client: RestClient) {
  const paths = ['/', '/flights', '/flights/SFO', '/flights/JFK', '/delays', '/about']
  const referers = ['', 'https://search.example/', 'https://news.example/today']
  let stopped = false
  let failure: unknown
  const run = async () => {
    await client.ensure('/v3/database/create/site')
    await client.ensure('/v3/table/create/site/pageviews/log')
    for (let batch = 0; !stopped; batch++) {
      const time = Math.floor(Date.now() / 1000)
      const views = Array.from({ length: 1 + (batch % 5) }, (_, i) => ({
        time,
        td_path: paths[(batch * 7 + i * 3) % paths.length],
        td_referrer: referers[(batch + i) % referers.length],
        visitor: `v${(batch * 31 + i * 17) % 400}`,
        load_ms: 40 + ((batch * 13 + i * 29) % 300),
      }))
      await client.importRecords('site', 'pageviews', `${process.pid}-${time}-${batch}`, views)
      await pause(200)
    }
  }
  const done = run().catch((error: unknown) => {
    failure = error
  })
  return {
    async stop(): Promise<void> {
      stopped = true
      await done
      if (failure !== undefined && !once && !interrupted)
        console.error(dim(`The live stream ended: ${String(failure)}`))
    },
  }
}

/** Accepted is durable; queryable follows within about two seconds. */
async function waitUntilLoaded(client: RestClient, rows: number): Promise<void> {
  const startedMs = performance.now()
  for (;;) {
    const { tables } = await client.json<{ tables: { name: string; count: number }[] }>(
      'GET',
      '/v3/table/list/airlines',
    )
    const loaded = tables.find(({ name }) => name === 'flights')?.count ?? 0
    if (loaded >= rows)
      return console.log(
        dim(`All ${loaded.toLocaleString('en')} rows are Parquet, catalogued and queryable.\n`),
      )
    if (performance.now() - startedMs > 60_000)
      throw new Error(`only ${loaded} of ${rows} rows were loaded within a minute`)
    await pause(50)
  }
}

const QUERIES: [title: string, database: string, sql: string][] = [
  [
    'How many flights, and how late?',
    'airlines',
    `SELECT count(*) AS flights, round(avg(delay), 1) AS average_delay, max(delay) AS worst FROM flights`,
  ],
  [
    'Where do delays start? (a join, only one week of data is opened)',
    'airlines',
    `SELECT a.city, a.state, count(*) AS departures, approx_percentile(f.delay, 0.9) AS p90_delay
FROM flights f JOIN airports a ON a.iata = f.origin
WHERE TD_TIME_RANGE(f.time, '2001-01-01', '2001-01-08')
GROUP BY 1, 2 HAVING count(*) > 100
ORDER BY p90_delay DESC LIMIT 5`,
  ],
  [
    'Which pages were read in the last hour? (a live stream, still running)',
    'site',
    `SELECT td_path, count(*) AS views, count(DISTINCT visitor) AS visitors,
       rank() OVER (ORDER BY count(*) DESC) AS place,
       TD_TIME_FORMAT(max(time), 'HH:mm:ss') AS latest
FROM pageviews WHERE TD_INTERVAL(time, '-1h/now')
GROUP BY td_path ORDER BY place, td_path LIMIT 5`,
  ],
]

async function showQueries(client: RestClient): Promise<void> {
  for (const [title, database, sql] of QUERIES) {
    console.log(`${bold(title)}\n${dim(sql)}`)
    const { columns, rows, jobId, elapsedMs } = await client.query(database, sql)
    console.log(
      table(
        columns.map(({ name }) => name),
        rows,
      ),
    )
    console.log(dim(`job ${jobId}, ${rows.length} rows in ${Math.round(elapsedMs)} ms\n`))
  }
}

function printNextSteps({ url }: Running, apikey: string): void {
  console.log(
    [
      bold('Your key and addresses'),
      `  API key     ${apikey}`,
      `  Console     ${url}/app/`,
      `  REST API    ${url}/v3/`,
      '',
      bold('Try'),
      `  curl -H 'Authorization: TD1 ${apikey}' ${url}/v3/database/list`,
      `  export MILLRACE_ENDPOINT=${url} MILLRACE_API_KEY=${apikey}`,
      '  bin/millrace table:list                     # also: db:list, job:list, table:tail site pageviews',
      "  bin/millrace query -w -d airlines 'SELECT origin, count(*) AS flights FROM flights GROUP BY 1 ORDER BY 2 DESC LIMIT 3'",
      '  source <(bin/millrace completion bash)      # Tab completes commands and names; zsh and fish, too',
      '  bin/millrace help                           # every command, by subject',
      `  td -e ${url} -k ${apikey} query -w -d airlines -T presto 'SELECT count(*) FROM flights'`,
      '',
      dim('Serving until Ctrl-C; data and keys stay for the next start.'),
    ].join('\n'),
  )
}

try {
  await main()
} catch (error) {
  // After Ctrl-C whatever was under way fails; that is no news.
  if (!interrupted) console.error(`\n${(error as Error).message}`)
  process.exitCode = interrupted ? 130 : 1
}

import { setTimeout as pause } from 'node:timers/promises'

/** A client of the Presto and Trino protocol, as little of one as there can be. */
export type StatementAnswer = {
  id: string
  infoUri: string
  nextUri?: string
  columns?: { name: string; type: string; typeSignature: { rawType: string; arguments: unknown[] } }[]
  data?: unknown[][]
  stats: { state: string; queued: boolean; progressPercentage?: number }
  error?: {
    message: string
    errorCode: number
    errorName: string
    errorType: string
    errorLocation?: { lineNumber: number; columnNumber: number }
    failureInfo: object
  }
  warnings: { message: string }[]
  updateType?: string
  updateCount?: number
}
/** Everything a statement answered, page by page. */
export type Outcome = {
  pages: StatementAnswer[]
  headers: Headers[]
  columns: StatementAnswer['columns']
  rows: unknown[][]
  error: StatementAnswer['error']
  last: StatementAnswer
}

export function statementClient(url: string, key: string, family: 'Presto' | 'Trino' = 'Trino') {
  const base = { [`X-${family}-User`]: key, [`X-${family}-Client-Capabilities`]: 'PARAMETRIC_DATETIME' }
  const post = (text: string, headers: Record<string, string> = {}) =>
    fetch(`${url}/v1/statement`, { method: 'POST', body: text, headers: { ...base, ...headers } })
  return {
    post,
    async begin(text: string, headers: Record<string, string> = {}): Promise<StatementAnswer> {
      const response = await post(text, headers)
      if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`)
      return (await response.json()) as StatementAnswer
    },
    async run(text: string, headers: Record<string, string> = {}): Promise<Outcome> {
      const response = await post(text, headers)
      if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`)
      return follow((await response.json()) as StatementAnswer, response.headers)
    },
    follow,
  }
}

/** Reads to the end, as drivers do: a busy server is asked again. */
export async function follow(first: StatementAnswer, firstHeaders = new Headers()): Promise<Outcome> {
  const pages = [first]
  const headers = [firstHeaders]
  for (let { nextUri } = first; nextUri !== undefined; ) {
    const response = await fetch(nextUri)
    if (response.status === 503) {
      await pause(100)
      continue
    }
    if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`)
    const page = (await response.json()) as StatementAnswer
    pages.push(page)
    headers.push(response.headers)
    nextUri = page.nextUri
  }
  const last = pages.at(-1)!
  return {
    pages,
    headers,
    columns: pages.find(({ columns }) => columns !== undefined)?.columns,
    rows: pages.flatMap(({ data }) => data ?? []),
    error: last.error,
    last,
  }
}

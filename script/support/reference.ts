import { globSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { errorTables, type Setting, settingTables } from '../../src/kernel/index.ts'
import { type Example, functionExamples } from '../../src/query/functions/examples.ts'
import { functionList } from '../../src/query/functions/function-list.ts'
import { notOffered } from '../../src/query/functions/index.ts'
import { cliPage } from './cli-page.ts'
import { metricFamilies } from './metrics.ts'
import { systemTablesPage } from './system-tables.ts'

const HEAD = '<!-- Generated from the code by `node script/docs.ts`; a test fails when it is out of date. -->'

/** Importing a table registers it; nothing else happens at import time. */
async function loadTables(): Promise<void> {
  const sources = globSync('src/**/*.ts').filter(
    (file) => !file.endsWith('.test.ts') && !file.startsWith('src/kernel/config'),
  )
  const declaring = sources.filter((file) =>
    /= (errorTable|defineSettings)\(/.test(readFileSync(file, 'utf8')),
  )
  for (const file of declaring.sort()) await import(resolve(file))
}

/** The reference pages that are made from the code, by path. */
export async function referencePages(): Promise<Record<string, string>> {
  await loadTables()
  return {
    'docs/reference/cli.md': cliPage(HEAD),
    'docs/reference/settings.md': settingsPage(),
    'docs/reference/errors.md': errorsPage(),
    'docs/reference/functions.md': functionsPage(),
    'docs/reference/system-tables.md': systemTablesPage(HEAD),
    'docs/reference/metrics.md': metricsPage(),
  }
}

function settingsPage(): string {
  const parts = [...settingTables()].sort().map(([capability, settings]) => {
    const rows = Object.values(settings).map(
      (setting) =>
        `| \`${setting.env}\` | ${kindOf(setting)} | ${defaultOf(setting)} | ${setting.help}${exampleOf(setting)} |`,
    )
    return [
      `## ${capability}`,
      '',
      '| variable | kind | default | what it does |',
      '|---|---|---|---|',
      ...rows,
      '',
    ].join('\n')
  })
  return [
    HEAD,
    '# Settings',
    '',
    'Nothing has to be set to start. Every setting is an environment variable; `millrace up` takes the common ones as options too.',
    'Units are in the names. A value of the wrong form stops the start with a sentence that names it.',
    '',
    ...parts,
  ].join('\n')
}

function kindOf(setting: Setting): string {
  switch (setting.type) {
    case 'integer':
      return `whole number${setting.least === undefined ? '' : `, at least ${setting.least}`}${setting.most === undefined ? '' : `, at most ${setting.most}`}`
    case 'choice':
      return setting.choices.map((choice) => `\`${choice}\``).join(', ')
    case 'list':
      return 'list, commas between'
    case 'boolean':
      return '`true` or `false`'
    default:
      return 'text'
  }
}

function defaultOf(setting: Setting): string {
  if (setting.type === 'optional-text') return 'none'
  const value = Array.isArray(setting.default) ? setting.default.join(',') : String(setting.default)
  return value === '' ? 'none' : `\`${value}\``
}

const exampleOf = ({ example }: Setting) => (example === undefined ? '' : ` Example: \`${example}\``)

function errorsPage(): string {
  const parts = [...errorTables()].sort().map(([capability, rows]) => {
    const lines = Object.entries(rows).map(([code, { status, advice, message, help = '' }]) => {
      const text = message('…').replaceAll('|', '\\|')
      return `| \`${code}\` | ${status} | ${advice} | ${text} | ${help} |`
    })
    return [
      `## ${capability}`,
      '',
      '| code | status | advice | message | when, and what to do |',
      '|---|---|---|---|---|',
      ...lines,
      '',
    ].join('\n')
  })
  return [
    HEAD,
    '# Errors',
    '',
    'Every refusal has a stable code (`error_code` in the JSON body), an HTTP status and an advice. `retry`: nothing is wrong with the request, send it',
    'again (the answer carries `Retry-After`). `final`: sending it again changes nothing. What cannot be checked at the moment is always `retry`.',
    '',
    ...parts,
  ].join('\n')
}

/** Prometheus names the type of a metric with the registry's word. */
function metricsPage(): string {
  const rows = metricFamilies().map(({ name, type, labels, roles, help }) => {
    const labelled = labels.map((label) => `\`${label}\``).join(', ')
    return `| \`${name}\` | ${type} | ${labelled} | ${roles.join(', ')} | ${help} |`
  })
  return [
    HEAD,
    '# Metrics',
    '',
    '`GET /metrics` on the admin port gives the figures of every process of a node, in the text form of Prometheus. Each series has the label `process`',
    '(`ingest-0`, `loader-0`, `supervisor` …) besides those named here. Reading them looks at no directory and asks no database. Counters begin',
    'at 0 with each start of a process. Alarms made of them: [millrace-alerts.yml](../monitoring/millrace-alerts.yml), with a [runbook](../runbooks/README.md) for each.',
    '',
    'How many records an import holds is known when it is loaded, not when it is accepted: accepted requests and bytes are counted by',
    '`millrace_ingest_accepted_…`, events by `millrace_ingest_events_total`, rows by `millrace_load_rows_total`.',
    '',
    '| name | type | labels | reported by | what it says |',
    '|---|---|---|---|---|',
    ...rows,
    '',
  ].join('\n')
}

function functionsPage(): string {
  const listed = functionList()
  const byFamily = Map.groupBy(listed, ({ family }) => family)
  const examples = functionExamples(listed)
  const parts = [...byFamily].sort().map(([family, functions]) => {
    const rows = functions
      .toSorted((a, b) => a.name.localeCompare(b.name))
      .map(
        ({ name, kind, signatures, help = '' }) =>
          `| \`${name}\` | ${kind} | ${signatures.map(code).join('<br>')} | ${help} | ${exampleText(examples.get(name))} |`,
      )
    return [
      `## ${family}`,
      '',
      '| name | kind | signatures | what it does | example |',
      '|---|---|---|---|---|',
      ...rows,
      '',
    ].join('\n')
  })
  const missing = notOffered.map(({ name, reason }) => `| \`${name}\` | ${reason} |`)
  return [
    HEAD,
    '# Functions',
    '',
    'What the Presto dialect offers. A name that is not here is FUNCTION_NOT_FOUND; nothing is passed on to the engine by name. Special forms of',
    'the language (CASE, CAST, COALESCE, IF, NULLIF, TRY, TYPEOF, EXTRACT, JSON_EXISTS, JSON_VALUE, JSON_QUERY, JSON_OBJECT, JSON_ARRAY,',
    'CURRENT_USER, CURRENT_DATE …) are not functions and not listed. Stems of words are known for English only. Each example runs as a test; its',
    'value is written as JSON: decimals, dates and times as text, varbinary as hex, maps as lists of pairs, rows as lists.',
    '',
    ...parts,
    '## Not offered',
    '',
    '| name | why |',
    '|---|---|',
    ...missing,
    '',
  ].join('\n')
}

/** Code inside a table: a bar would end the cell, a backtick the code. */
const code = (text: string): string => {
  const escaped = text.replaceAll('|', '\\|').replaceAll('\n', '\\n')
  return escaped.includes('`') ? `\`\` ${escaped} \`\`` : `\`${escaped}\``
}

const exampleText = (example: Example | undefined): string =>
  example === undefined ? '' : `${code(example.sql)} → ${code(example.value)}`

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { metricFamilies } from '../script/support/metrics.ts'
import { referencePages } from '../script/support/reference.ts'
import { settingTables } from '../src/kernel/index.ts'

const families = new Map(metricFamilies().map((family) => [family.name, family]))
const rules = readFileSync('docs/monitoring/millrace-alerts.yml', 'utf8')
const dashboard = JSON.parse(readFileSync('docs/monitoring/millrace-dashboard.json', 'utf8')) as {
  panels: { title: string; targets: { expr: string; legendFormat: string }[] }[]
}
const runbooks = readFileSync('docs/runbooks/README.md', 'utf8')

type Alert = { name: string; expr: string; severity: string; summary: string; runbook: string }

/** The rules are written so that their lines say all: a key, and what stands behind or, folded, below it. */
function alertsOf(text: string): Alert[] {
  return text
    .split(/^ +- alert: /m)
    .slice(1)
    .map((block) => {
      const after = (key: string) => {
        const [, value = '', folded = ''] =
          new RegExp(`^ +${key}: (.*)\\n((?: {10,}.*\\n)*)`, 'm').exec(block) ?? []
        return value === '>-' ? folded.replace(/\s+/g, ' ').trim() : value.replace(/^"|"$/g, '')
      }
      return {
        name: block.split('\n')[0]!,
        expr: after('expr'),
        severity: after('severity'),
        summary: after('summary'),
        runbook: after('runbook'),
      }
    })
}
const alerts = alertsOf(rules)

/** What an expression names that no process reports; a histogram's series have endings of their own. */
function unknownIn(expr: string): string[] {
  return [...expr.matchAll(/\b(millrace_\w+)(?:\{([^}]*)\})?/g)].flatMap(([, series, matchers = '']) => {
    const histogram = families.get(series!.replace(/_(bucket|sum|count)$/, ''))
    const family = families.get(series!) ?? (histogram?.type === 'histogram' ? histogram : undefined)
    if (family === undefined) return [series!]
    const known = [...family.labels, 'process', 'instance', 'le']
    return [...matchers.matchAll(/(\w+)=/g)]
      .map(([, label]) => label!)
      .filter((label) => !known.includes(label))
      .map((label) => `${series}{${label}}`)
  })
}

/** As GitHub makes them from headings. */
const anchors = [...runbooks.matchAll(/^## (.*)$/gm)].map(([, heading]) =>
  heading!
    .toLowerCase()
    .replace(/[^\w\- ]/g, '')
    .replaceAll(' ', '-'),
)

describe('the alarm rules', () => {
  test('are read whole', () => {
    // A colon or a hash in a plain scalar, and YAML reads something else or nothing.
    const plain = rules.split('\n').flatMap((line) => /^ *(?:- )?\w+: ([^">].*)$/.exec(line)?.[1] ?? [])
    assert.deepEqual(
      plain.filter((value) => /: |:$| #|^[[{&*!|%@`]/.test(value)),
      [],
    )
    assert.equal(alerts.length, rules.match(/- alert:/g)!.length)
    assert.ok(alerts.length >= 15)
    assert.equal(new Set(alerts.map(({ name }) => name)).size, alerts.length)
    for (const { name, expr, severity, summary } of alerts) {
      assert.ok(expr !== '' && summary !== '', name)
      assert.match(severity, /^(page|ticket)$/, name)
      assert.equal(expr.split('(').length, expr.split(')').length, `${name}: brackets`)
    }
  })

  for (const { name, expr, summary, runbook } of alerts)
    test(`${name} names what processes report, and a runbook`, () => {
      assert.match(expr, /millrace_/)
      assert.deepEqual(unknownIn(expr), [])
      const labels = [...summary.matchAll(/\$labels\.(\w+)/g)].map(([, label]) => label!)
      const named = [...expr.matchAll(/\bmillrace_\w+/g)].flatMap(([series]) => [
        ...(families.get(series.replace(/_(bucket|sum|count)$/, '')) ?? families.get(series))!.labels,
        'process',
      ])
      assert.deepEqual(
        labels.filter((label) => !named.includes(label)),
        [],
      )
      const [file, anchor] = runbook.split('#')
      assert.equal(file, 'docs/runbooks/README.md')
      assert.ok(anchors.includes(anchor!), `no heading makes #${anchor}`)
      if (name !== 'MillraceNotScraped')
        assert.ok(runbooks.includes(`\`${name}\``), 'the runbook says which alarm leads to it')
    })

  test('cover what may go wrong', () => {
    const all = alerts.map(({ expr }) => expr).join('\n')
    for (const name of [
      'millrace_spool_oldest_pending_seconds',
      'millrace_spool_quota_bytes',
      'millrace_load_lag_seconds',
      'millrace_merge_behind',
      'millrace_ingest_refused_total',
      'millrace_spool_damaged_ranges_total',
      'millrace_load_stranded',
      'millrace_disk_stage',
      'millrace_head_room_ratio',
      'millrace_jobs_oldest_due_seconds',
      'millrace_gate_open',
      'millrace_process_restarts_total',
      'millrace_certificate_expires_timestamp_seconds',
    ])
      assert.ok(all.includes(name), name)
  })
})

test('every panel of the dashboard shows what processes report', () => {
  assert.ok(dashboard.panels.length >= 12)
  for (const { title, targets } of dashboard.panels)
    for (const { expr } of targets) {
      assert.match(expr, /millrace_/, title)
      assert.deepEqual(unknownIn(expr), [], title)
    }
})

test('the runbooks name metrics and settings that exist', async () => {
  await referencePages()
  const settings = new Set(
    [...settingTables().values()].flatMap((table) => Object.values(table).map(({ env }) => env)),
  )
  const named = [...runbooks.matchAll(/`(millrace_\w+|MILLRACE_\w+)/g)].map(([, name]) => name!)
  assert.ok(named.length > 20)
  assert.deepEqual(
    named.filter((name) => !families.has(name) && !settings.has(name) && name !== 'MILLRACE_DISK_'),
    [],
  )
})

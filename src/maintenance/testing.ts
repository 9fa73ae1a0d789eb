import type { Component } from './plan/index.ts'

/** Test data: a plan with the facts of the notice this product began with (one of three regions, ten components, 15 + 15 minutes). */
export const STORAGE_UPGRADE_PLAN = `
id: m-2019-10-db-storage
region: us
title: Main database storage upgrade
reason: {text: Room for growth., incident: inc-2019-09-04-job-submission}
window: {opens: "2019-10-23T18:00[America/Los_Angeles]", length: PT60M}
operation: {starts: +PT15M, maintenanceAtMost: PT15M, recoveryAtMost: PT15M}
notice: {minimum: P13D, remind: [PT60M], zones: [America/Los_Angeles, Asia/Tokyo]}
hook: {use: logical-switch, drainAtMost: PT60S}
components:
  web-interface:    {maintenance: {reads: stale, writes: refused-503}}
  rest-api:         {maintenance: {reads: stale, writes: refused-503}, recovery: {p95: "<= 3x baseline"}}
  streaming-import: {maintenance: accepted, visibleAfter: recovery}
  events:           {maintenance: accepted, visibleAfter: recovery}
  connectors:       {maintenance: delayed}
  hive:             {maintenance: delayed, extraDuration: PT15M}
  presto:           {maintenance: {reads: stale, writes: queued}, extraDuration: PT15M}
  jdbc-gateway:     {maintenance: queued, holdAtMost: PT2M}
  workflow:         {maintenance: delayed, failedSessions: 0}
  cdp-api:          {maintenance: unavailable}
unaffected: [status-page]
contact: support@example.org
`

const NAMES: [id: string, name: string, offered: boolean][] = [
  ['web-interface', 'Web Interface', true],
  ['rest-api', 'REST API', true],
  ['streaming-import', 'Streaming Import REST API', true],
  ['events', 'Mobile/Javascript REST API', true],
  ['connectors', 'Data Connector Integrations', false],
  ['hive', 'Hive Query Engine', false],
  ['presto', 'Presto Query Engine', true],
  ['jdbc-gateway', 'Presto JDBC/ODBC Gateway', true],
  ['workflow', 'Workflow', false],
  ['cdp-api', 'CDP API', false],
  ['status-page', 'Status Page', true],
]

/** Three regions with the same components each; ids of other regions begin with theirs. */
export const COMPONENTS: Component[] = ['us', 'tokyo', 'eu'].flatMap((region) =>
  NAMES.map(([id, name, offered]) => ({
    id: region === 'us' ? id : `${region}-${id}`,
    name,
    region,
    offered,
  })),
)

/** 14 days, 2 hours and 27 minutes before the window of that plan opens. */
export const POSTED_MS = Date.parse('2019-10-09T22:33:00Z')

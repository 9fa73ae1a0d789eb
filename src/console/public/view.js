// Builds what is shown out of what the API answered. No state, no network.

/** An element with attributes (`on…` = listener) and children; text is always text, never markup. */
export function element(name, attributes = {}, ...children) {
  const node = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith('on')) node.addEventListener(key.slice(2), value)
    else if (value !== undefined && value !== false) node.setAttribute(key, value === true ? '' : value)
  }
  node.append(...children.filter((child) => child !== undefined && child !== null))
  return node
}

const exact = new Intl.NumberFormat('en-US')
export const number = (value) => exact.format(value)

const STATES = {
  success: ['●', 'success', 'success'],
  running: ['◐', 'running', 'running'],
  booting: ['◐', 'starting', 'running'],
  queued: ['○', 'queued', 'muted'],
  error: ['✕', 'error', 'failed'],
  killed: ['■', 'killed', 'killed'],
}

/** Shape, word and colour: never colour alone. */
export function stateMark(status) {
  const [shape, word, style] = STATES[status] ?? ['?', status, 'muted']
  return element('span', { class: style }, `${shape} ${word}`)
}

/** `1 h 04 m 09 s`, `3.2 s` */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return ''
  if (seconds < 60) return `${seconds} s`
  const pad = (value) => String(value).padStart(2, '0')
  const hours = Math.floor(seconds / 3600)
  const minutes = Math.floor((seconds % 3600) / 60)
  return hours > 0 ? `${hours} h ${pad(minutes)} m ${pad(seconds % 60)} s` : `${minutes} m ${pad(seconds % 60)} s`
}

/** Rows of a result; numbers to the right, null dimmed. */
export function resultTable(columns, rows) {
  const numeric = columns.map(([, type]) => /^(tinyint|smallint|integer|bigint|real|double|decimal)/.test(type))
  const head = columns.map(([name, type], i) => element('th', { scope: 'col', title: type, class: numeric[i] ? 'number' : undefined }, name))
  const cell = (value, i) => {
    if (value === null) return element('td', { class: 'null' }, 'null')
    const text = typeof value === 'object' ? JSON.stringify(value) : String(value)
    return element('td', { class: numeric[i] ? 'number' : undefined, title: text.length > 40 ? text : undefined }, text)
  }
  const body = rows.map((row) => element('tr', {}, ...row.map(cell)))
  return element('table', {}, element('thead', {}, element('tr', {}, ...head)), element('tbody', {}, ...body))
}

/** One database with its tables; a table's button writes a query for it. */
export function databaseItem(database, tables, pick) {
  const items = tables.map((table) => {
    const columns = JSON.parse(table.schema).map(([key, type, name]) => `${name ?? key} ${type}`)
    const button = element(
      'button',
      { class: 'table-name', title: `Query ${table.name}`, onclick: () => pick(database.name, table.name) },
      table.name,
      element('span', { class: 'muted' }, number(table.count)),
    )
    return element('li', {}, button, element('div', { class: 'columns' }, ['time long', ...columns].join(' · ')))
  })
  const empty = tables.length === 0 ? element('div', { class: 'columns' }, 'no tables yet') : undefined
  return element('li', {}, element('div', { class: 'database' }, database.name), empty, element('ul', {}, ...items))
}

export function jobRow(job, open) {
  const link = element('button', { class: 'job-link', title: 'Show query and result', onclick: () => open(job.job_id) }, job.job_id)
  const started = job.start_at ? new Date(job.start_at.replace(' UTC', 'Z').replace(' ', 'T')).toLocaleTimeString() : ''
  const rows = job.num_records === null || job.num_records === undefined ? '' : number(job.num_records)
  return element(
    'tr',
    {},
    element('td', {}, link),
    element('td', {}, stateMark(job.status)),
    element('td', {}, job.type),
    element('td', {}, job.database),
    element('td', { class: 'mono', title: job.query }, String(job.query).replace(/\s+/g, ' ')),
    element('td', { class: 'number' }, rows),
    element('td', { class: 'number' }, duration(job.duration)),
    element('td', {}, started),
  )
}

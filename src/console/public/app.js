import { databaseItem, duration, element, jobRow, number, resultTable, stateMark } from './view.js'

// A query is a job and its result a file on the server: the page only shows them, so reloading loses nothing.
const FIRST_ROWS = 500
const byId = (id) => document.getElementById(id)
let csrf = ''
let current // the job shown in the result pane

async function call(method, path, form) {
  const response = await fetch(path, {
    method,
    headers: method === 'GET' ? {} : { 'x-millrace-csrf': csrf },
    body: form && new URLSearchParams(form),
  })
  if (response.status === 401 && path !== '/app/session') return showSignIn()
  if (!response.ok) throw new Error((await response.json().catch(() => ({ message: response.statusText }))).message)
  return response
}
const json = async (method, path, form) => (await call(method, path, form))?.json()

async function start() {
  const session = await json('GET', '/app/session')
  if (session.user) showShell(session)
  else showSignIn()
}

function showSignIn() {
  byId('shell').hidden = true
  byId('sign-in').hidden = false
  byId('sign-in').elements.user.focus()
}

function showShell(session) {
  csrf = session.csrf
  byId('sign-in').hidden = true
  byId('shell').hidden = false
  byId('who').textContent = `${session.user.name} · ${session.user.role}`
  showMode(session)
  const shown = new URLSearchParams(location.search).get('job')
  Promise.all([loadTree(), loadJobs(), shown && openJob(shown)]).catch(showFailure)
}

function showMode({ mode, reason }) {
  const banner = byId('banner')
  banner.hidden = mode === 'serving'
  banner.textContent = `The main database is not available (${reason}). Events are being accepted; you see data as of the last snapshot; changes wait.`
}

async function loadTree() {
  const { databases } = await json('GET', '/v3/database/list')
  const lists = await Promise.all(databases.map(({ name }) => json('GET', `/v3/table/list/${encodeURIComponent(name)}`)))
  const wanted = byId('filter').value.toLowerCase()
  const items = databases.map((database, i) => {
    const tables = lists[i].tables.filter(({ name }) => name.includes(wanted))
    return wanted !== '' && tables.length === 0 ? undefined : databaseItem(database, tables, pickTable)
  })
  byId('tree').replaceChildren(...items.filter(Boolean))
  byId('tree-note').textContent = databases.length === 0 ? 'No databases yet. Create one: td db:create NAME' : `as of ${new Date().toLocaleTimeString()}`
  const chosen = byId('database').value
  byId('database').replaceChildren(...databases.map(({ name }) => element('option', { value: name }, name)))
  if (databases.some(({ name }) => name === chosen)) byId('database').value = chosen
}

function pickTable(database, table) {
  byId('database').value = database
  byId('sql').value = `SELECT *\nFROM ${table}\nORDER BY time DESC\nLIMIT 100`
  byId('sql').focus()
}

async function loadJobs() {
  const { jobs } = await json('GET', '/v3/job/list?from=0&to=19')
  byId('jobs').replaceChildren(...jobs.map((job) => jobRow(job, (id) => openJob(id).catch(showFailure))))
}

async function run() {
  const query = byId('sql').value.trim()
  if (query === '' || byId('run').disabled) return
  const database = byId('database').value
  const { job_id } = await json('POST', `/v3/job/issue/presto/${encodeURIComponent(database)}`, { query })
  await openJob(job_id)
}

async function openJob(id) {
  current = id
  history.replaceState(null, '', `/app/?job=${id}`)
  byId('downloads').hidden = true
  byId('result').replaceChildren()
  for (let waitMs = 50; current === id; waitMs = Math.min(1000, waitMs * 1.4)) {
    const job = await json('GET', `/v3/job/show/${id}`)
    if (!job || current !== id) return
    const done = ['success', 'error', 'killed'].includes(job.status)
    showState(job, done)
    if (done) return finishJob(job)
    await new Promise((resolve) => setTimeout(resolve, waitMs))
  }
}

function showState(job, done) {
  byId('run').disabled = !done
  byId('kill').hidden = done
  byId('kill').onclick = () => json('POST', `/v3/job/kill/${job.job_id}`).catch(showFailure)
  const facts = [` job ${job.job_id}`, job.num_records != null && done ? `${number(job.num_records)} rows returned` : '', duration(job.duration)]
  byId('state').replaceChildren(stateMark(job.status), facts.filter(Boolean).join(' · '))
}

async function finishJob(job) {
  if (byId('sql').value.trim() === '') byId('sql').value = job.query
  if (job.status === 'success') await showResult(job)
  else byId('result').replaceChildren(element('pre', { class: 'failure' }, job.debug.stderr || `The job was ${job.status}.`))
  await loadJobs()
}

async function showResult(job) {
  const columns = JSON.parse(job.hive_result_schema || '[]')
  const response = await call('GET', `/v3/job/result/${job.job_id}?format=json`)
  const { rows, more } = await firstRows(response)
  byId('result').replaceChildren(resultTable(columns, rows))
  if (more) byId('result').append(element('p', { class: 'muted' }, `The first ${FIRST_ROWS} rows are shown; download the result for all of them.`))
  const link = (format) => element('a', { href: `/v3/job/result/${job.job_id}?format=${format}&header=true`, download: `job-${job.job_id}.${format}` }, format.toUpperCase())
  byId('downloads').replaceChildren('Download', ...['csv', 'tsv', 'json'].map(link))
  byId('downloads').hidden = false
}

/** Reads lines until there are enough, then stops the download: a large result stays on the server. */
async function firstRows(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  for (;;) {
    const { done, value } = await reader.read()
    if (!done) text += value
    const lines = text.split('\n')
    const complete = lines.slice(0, -1)
    if (done || complete.length > FIRST_ROWS) {
      await reader.cancel()
      return { rows: complete.slice(0, FIRST_ROWS).map((line) => JSON.parse(line)), more: complete.length > FIRST_ROWS }
    }
  }
}

function showFailure(error) {
  byId('run').disabled = false
  byId('kill').hidden = true
  byId('state').replaceChildren(element('span', { class: 'error' }, error.message))
}

byId('sign-in').addEventListener('toggle', ({ target }) => {
  const { user, password, apikey } = byId('sign-in').elements
  user.required = password.required = !target.open
  apikey.required = target.open
}, true)
byId('sign-in').addEventListener('submit', async (event) => {
  event.preventDefault()
  const { user, password, apikey } = event.target.elements
  const alert = event.target.querySelector('.error')
  alert.hidden = true
  try {
    showShell(await json('POST', '/app/session', apikey.value ? { apikey: apikey.value } : { user: user.value, password: password.value }))
    event.target.reset()
  } catch (error) {
    alert.textContent = error.message
    alert.hidden = false
  }
})
byId('sign-out').addEventListener('click', () => json('DELETE', '/app/session').then(() => location.assign('/app/')).catch(showFailure))
byId('query').addEventListener('submit', (event) => {
  event.preventDefault()
  run().catch(showFailure)
})
byId('sql').addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return
  event.preventDefault()
  run().catch(showFailure)
})
byId('refresh').addEventListener('click', () => Promise.all([loadTree(), loadJobs()]).catch(showFailure))
byId('filter').addEventListener('input', () => loadTree().catch(showFailure))

setInterval(async () => {
  if (byId('shell').hidden || document.hidden) return
  try {
    showMode(await json('GET', '/app/session'))
    await loadJobs()
  } catch (error) {
    showFailure(error)
  }
}, 10_000)

start().catch(() => {
  showSignIn()
  const alert = byId('sign-in').querySelector('.error')
  alert.textContent = 'The server does not answer at the moment. This page will work again when it does; nothing is lost.'
  alert.hidden = false
})

/*
 * Runs in a real browser with a real td-js-sdk as `Treasure`: sends numbered events, leaves for another page in the middle
 * of them, goes on there, and at the end reports what the SDK's callbacks said. What was acknowledged is kept in
 * localStorage, so that it outlives the page it was acknowledged to.
 */
const run = JSON.parse(new URLSearchParams(location.search).get('run'))
const keep = (kind, id) => localStorage.setItem(`${run.name} ${kind} ${id}`, '1')
const kept = (kind) =>
  Object.keys(localStorage)
    .filter((key) => key.startsWith(`${run.name} ${kind} `))
    .map((key) => Number(key.slice(run.name.length + kind.length + 2)))

const sdk = new Treasure({ database: run.database, writeKey: run.writeKey, endpoint: run.endpoint })
sdk.trackPageview('pageviews')

let next = Number(localStorage.getItem(`${run.name} next`) ?? 0)
let inFlight = 0
let leaving = false

function send() {
  while (!leaving && inFlight < run.atOnce && next < run.count) {
    const id = next++
    localStorage.setItem(`${run.name} next`, String(next))
    inFlight++
    const settle = (kind) => () => {
      // What is in flight when the page leaves is ended by the browser, and may have arrived or not.
      keep(kind === 'refused' && leaving ? 'cut' : kind, id)
      inFlight--
      send()
    }
    sdk.addRecord(
      run.table,
      { id, name: `${run.name} é 日 ${id}`, nested: { a: [1, id] } },
      settle('acknowledged'),
      settle('refused'),
    )
    if (run.leaveAt.includes(next)) {
      leaving = true
      location.reload()
    }
  }
  if (!leaving && next === run.count && inFlight === 0) void end()
}

/** A lasting run goes on, in portions, until the site has had enough; any other is over with its last event. */
async function end() {
  if (run.isLasting && !(await (await fetch('/enough')).json())) {
    run.count += 100
    send()
  } else report()
}

function report() {
  const body = JSON.stringify({
    attempted: next,
    acknowledged: kept('acknowledged'),
    refused: kept('refused'),
  })
  void fetch('/report', { method: 'POST', body })
}

send()

import { randomBytes } from 'node:crypto'
import { parseArgs } from 'node:util'
import { readCases, runCase } from './runner.ts'

/** Runs the protocol cases against any server: node test/protocol/run.ts --url http://127.0.0.1:8080 --key 1/… [--only TEXT] */
const { values } = parseArgs({
  options: { url: { type: 'string' }, key: { type: 'string' }, only: { type: 'string' } },
})
if (!values.url || !values.key) {
  console.error('usage: node test/protocol/run.ts --url URL --key API_KEY [--only TEXT]')
  process.exit(2)
}
const counts = { passed: 0, failed: 0 }
for (const { file, cases } of readCases()) {
  for (const one of cases) {
    const title = `${file}: ${one.name}`
    if (values.only && !title.includes(values.only)) continue
    try {
      await runCase({ baseUrl: values.url, apiKey: values.key }, one, `c${randomBytes(5).toString('hex')}`)
      counts.passed += 1
    } catch (error) {
      counts.failed += 1
      console.log(`FAILED ${title}\n${(error as Error).message}\n`)
    }
  }
}
console.log(`${counts.passed} passed, ${counts.failed} failed`)
process.exitCode = counts.failed === 0 && counts.passed > 0 ? 0 : 1

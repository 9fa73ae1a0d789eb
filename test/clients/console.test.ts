import assert from 'node:assert/strict'
import { existsSync, mkdirSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { type Browser, chromium, type Page } from 'playwright-core'
import { restClient } from '../../script/support/client.ts'
import { startServer, type TestServer } from '../support/server.ts'

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(
  (path) => existsSync(path),
)
const quiet = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]
const reason =
  executablePath === undefined && process.env.REQUIRE_CLIENTS !== '1' ? 'Chromium is not installed' : false

describe('the console page in a browser', { skip: reason }, () => {
  let server: TestServer
  let browser: Browser
  let page: Page
  const problems: string[] = []
  /** With MILLRACE_SCREENSHOTS=DIR every state is kept as a picture. */
  const picture = async (name: string) => {
    const directory = process.env.MILLRACE_SCREENSHOTS
    if (!directory) return
    mkdirSync(directory, { recursive: true })
    await page.screenshot({ path: `${directory}/${name}.png`, fullPage: true })
  }
  before(async () => {
    server = await startServer()
    const client = restClient(server.url, server.apiKey)
    await client.ensure('/v3/database/create/shop')
    await client.ensure('/v3/table/create/shop/orders/log')
    const orders = Array.from({ length: 40 }, (_, i) => ({
      time: 1_700_000_000 + i,
      item: `item ${i % 7}`,
      amount: i * 1.5,
      note: i % 3 === 0 ? null : `<b>${i}</b>`,
    }))
    await client.importRecords('shop', 'orders', 'first', orders)
    while ((await client.query('shop', 'SELECT count(*) FROM orders')).rows[0][0] !== 40)
      await new Promise((resolve) => setTimeout(resolve, 50))
    browser = await chromium.launch({ executablePath, args: quiet })
    page = await browser.newPage({ viewport: { width: 1280, height: 900 } })
    page.on('pageerror', (error) => problems.push(String(error)))
    page.on('console', (message) => {
      if (message.type() === 'error' && !message.text().includes('401')) problems.push(message.text())
    })
  })
  after(async () => {
    await browser?.close()
    await server?.stop()
    server?.remove()
  })

  test('is where the root path leads, and asks who one is', async () => {
    await page.goto(server.url)
    assert.equal(new URL(page.url()).pathname, '/app/')
    await page.getByLabel('E-mail').waitFor()
    await picture('sign-in')
  })

  test('refuses a wrong password with a sentence', async () => {
    await page.getByLabel('E-mail').fill(server.firstAccount.email)
    await page.getByLabel('Password').fill('wrong')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByText('incorrect email or password').waitFor()
  })

  test('lets the owner in and shows databases, tables and columns', async () => {
    await page.getByLabel('Password').fill(server.firstAccount.password)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('button', { name: /orders/ }).waitFor()
    await page.getByText('amount double').waitFor()
  })

  test('runs a query and shows its rows as text, never as markup', async () => {
    await page
      .getByLabel('Presto SQL')
      .fill(
        'SELECT item, count(*) AS orders, sum(amount) AS total, max(note) AS note FROM orders GROUP BY item ORDER BY item',
      )
    await page.keyboard.press('Control+Enter')
    await page.getByRole('cell', { name: 'item 6' }).waitFor()
    await page.getByText('7 rows returned').waitFor()
    assert.equal(await page.locator('#result td b').count(), 0)
    await picture('result')
    await page.emulateMedia({ colorScheme: 'dark' })
    await picture('result-dark')
    await page.emulateMedia({ colorScheme: 'light' })
  })

  test('shows the result again after a reload, by its job', async () => {
    await page.reload()
    await page.getByRole('cell', { name: 'item 6' }).waitFor()
  })

  test('shows where a query is wrong', async () => {
    await page.getByLabel('Presto SQL').fill('SELECT nothing FROM orders')
    await page.getByRole('button', { name: 'Run' }).click()
    await page.getByText(/line 1:8: Column 'nothing' cannot be resolved/).waitFor()
    await picture('error')
  })

  test('lists the jobs with state as shape and word', async () => {
    await page.locator('#jobs').getByText('● success').first().waitFor()
    await page.locator('#jobs').getByText('✕ error').first().waitFor()
  })

  test('fits a phone', async () => {
    await page.setViewportSize({ width: 360, height: 740 })
    const overflow = Number(
      await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth'),
    )
    await picture('phone')
    assert.ok(overflow <= 0, `the page is ${overflow} pixels too wide`)
    await page.setViewportSize({ width: 1280, height: 900 })
  })

  test('signs out', async () => {
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByLabel('E-mail').waitFor()
  })

  test('ran without an error in the browser', () => {
    assert.deepEqual(problems, [])
  })
})

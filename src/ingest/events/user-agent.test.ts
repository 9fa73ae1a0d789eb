import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createUserAgentParser } from './user-agent.ts'

const WEBKIT = 'AppleWebKit/537.36 (KHTML, like Gecko)'
const IOS = 'AppleWebKit/605.1.15 (KHTML, like Gecko)'
const cases: [string, (string | null)[]][] = [
  [
    `Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${WEBKIT} Chrome/126.0.0.0 Safari/537.36`,
    ['Chrome', '126.0.0.0', 'Windows 10', 'NT 10.0'],
  ],
  [
    `Mozilla/5.0 (X11; Linux x86_64) ${WEBKIT} HeadlessChrome/120.0.1 Safari/537.36;JSSDK/4.4.3`,
    ['Chrome', '120.0.1', 'Linux', null],
  ],
  [
    `Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${WEBKIT} Chrome/126.0.0.0 Safari/537.36 Edg/126.0.2592.81`,
    ['Edge', '126.0.2592.81', 'Windows 10', 'NT 10.0'],
  ],
  [
    `Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) ${WEBKIT} Chrome/126.0.0.0 Safari/537.36 OPR/112.0.0.0`,
    ['Opera', '112.0.0.0', 'Mac OSX', '10.15.7'],
  ],
  [
    'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0',
    ['Firefox', '128.0', 'Linux', null],
  ],
  [
    `Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) ${IOS} Version/17.5 Safari/605.1.15`,
    ['Safari', '17.5', 'Mac OSX', '10.15.7'],
  ],
  [
    `Mozilla/5.0 (iPhone; CPU iPhone OS 17_5_1 like Mac OS X) ${IOS} Version/17.5 Mobile/15E148 Safari/604.1`,
    ['Safari', '17.5', 'iPhone', '17.5.1'],
  ],
  [
    `Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) ${IOS} CriOS/126.0.6478.54 Mobile/15E148 Safari/604.1`,
    ['Chrome', '126.0.6478.54', 'iPhone', '17.5'],
  ],
  [
    `Mozilla/5.0 (Linux; Android 14; SM-S928B) ${WEBKIT} SamsungBrowser/25.0 Chrome/121.0.0.0 Mobile Safari/537.36`,
    ['Chrome', '121.0.0.0', 'Android', '14'],
  ],
  [
    'Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; rv:11.0) like Gecko',
    ['Internet Explorer', '11.0', 'Windows 7', 'NT 6.1'],
  ],
  [
    'Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 5.1; Trident/4.0)',
    ['Internet Explorer', '8.0', 'Windows XP', 'NT 5.1'],
  ],
  [
    'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)',
    ['Googlebot', null, null, null],
  ],
  ['curl/8.5.0', ['HTTP Library', 'curl', null, null]],
  ['', [null, null, null, null]],
  [`${'('.repeat(5000)}Android`, [null, null, null, null]],
]

for (const [text, expected] of cases) {
  test(`${expected.join(', ')}: ${text.slice(0, 90)}`, () => {
    const { browser, browserVersion, os, osVersion } = createUserAgentParser()(text)
    assert.deepEqual([browser, browserVersion, os, osVersion], expected)
  })
}

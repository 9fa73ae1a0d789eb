import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type CaseRunner, startCases } from '../cases.ts'
import { double, mmdbFile } from './mmdb-testing.ts'
import type { ReferenceFiles } from './types.ts'

const KYOTO = {
  city: { names: { en: 'Kyoto', ja: '京都市' } },
  country: { iso_code: 'JP', names: { en: 'Japan' } },
  location: { latitude: double(35.0116), longitude: double(135.768), time_zone: 'Asia/Tokyo' },
  postal: { code: '600-8216' },
  subdivisions: [
    { iso_code: '26', names: { en: 'Kyoto' } },
    { iso_code: '', names: { en: 'Shimogyo-ku' } },
  ],
}
const BOSTON = {
  country: { iso_code: 'US', names: { en: 'United States' } },
  location: { latitude: double(42), longitude: double(-71.5), metro_code: 506 },
}
const SQUARE = [
  [0, 0],
  [10, 0],
  [10, 10],
  [0, 10],
  [0, 0],
]
const HOLE = SQUARE.map((point) => point.map((value) => 4 + value / 5))
const ISLAND = SQUARE.map(([x, y]) => [x! + 20, y!])
const COUNTRIES = {
  type: 'FeatureCollection',
  features: [
    {
      type: 'Feature',
      properties: {
        NAME: 'Square',
        NAME_LONG: 'Republic of Square',
        ISO_A3: '-99',
        ADM0_A3: 'SQR',
        POSTAL: 'SQ',
        NAME_SORT: 'Square, Rep.',
      },
      geometry: { type: 'MultiPolygon', coordinates: [[SQUARE, HOLE], [ISLAND]] },
    },
    { type: 'Feature', properties: { NAME: 'Inner' }, geometry: { type: 'Polygon', coordinates: [HOLE] } },
  ],
}
const RATES = `date,currency,rate
2015-01-02,EUR,1
2015-01-02,USD,1.2
2015-01-05,USD,1.5
2015-01-02,JPY,144
`

describe('functions that look things up in files of the operator', () => {
  let directory: string
  let runner: CaseRunner
  const warnings: string[] = []
  const file = async (name: string, content: string | Buffer) => {
    const path = join(directory, name)
    await writeFile(path, content)
    return path
  }
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "millrace-o'clock-"))
    const files: ReferenceFiles = {
      ipCity: await file(
        'city.mmdb',
        mmdbFile({ '1.2.3.0/24': KYOTO, '4.0.0.0/6': BOSTON, '2001:db8::/32': KYOTO }),
      ),
      ipDomain: await file('domain.mmdb', mmdbFile({ '1.2.0.0/16': { domain: 'example.jp' } }, 4)),
      countries: await file('countries.json', JSON.stringify(COUNTRIES)),
      currencyRates: await file('rates.csv', RATES),
    }
    runner = await startCases({}, { files, warn: (text) => warnings.push(text) })
  })
  after(async () => {
    await runner.close()
    await rm(directory, { recursive: true })
  })

  const cases: [sql: string, value: unknown][] = [
    ["td_ip_to_country_code('1.2.3.4')", 'JP'],
    ["td_ip_to_country_name('1.2.3.255')", 'Japan'],
    ["td_ip_to_country_code('1.2.4.0')", null],
    ["td_ip_to_country_code(' 5.6.7.8 ')", 'US'],
    ["td_ip_to_country_code('2001:db8::1')", 'JP'],
    ["td_ip_to_country_code('2001:DB9::1')", null],
    ["td_ip_to_country_code('::ffff:1.2.3.4')", 'JP'],
    ["td_ip_to_country_code('10.0.0.1')", null],
    ["td_ip_to_country_code('1.2.3')", null],
    ["td_ip_to_country_code('1.2.3.256')", null],
    ["td_ip_to_country_code('')", null],
    ["td_ip_to_country_code('not an address')", null],
    ['td_ip_to_country_code(NULL)', null],
    ["td_ip_to_city_name('1.2.3.4')", 'Kyoto'],
    ["td_ip_to_city_name('5.6.7.8')", null],
    ["td_ip_to_subdivision_names('1.2.3.4')", ['Kyoto', 'Shimogyo-ku']],
    ["td_ip_to_subdivision_names('5.6.7.8')", null],
    ["td_ip_to_most_specific_subdivision_name('1.2.3.4')", 'Shimogyo-ku'],
    ["td_ip_to_least_specific_subdivision_name('1.2.3.4')", 'Kyoto'],
    ["td_ip_to_latitude('1.2.3.4')", '35.0116'],
    ["td_ip_to_longitude('5.6.7.8')", '-71.5'],
    ["td_ip_to_latitude('5.6.7.8')", '42.0'],
    ["td_ip_to_postal_code('1.2.3.4')", '600-8216'],
    ["td_ip_to_time_zone('1.2.3.4')", 'Asia/Tokyo'],
    ["td_ip_to_metro_code('5.6.7.8')", '506'],
    ["td_ip_to_metro_code('1.2.3.4')", null],
    ["td_ip_to_domain('1.2.99.1')", 'example.jp'],
    // The file has no IPv6: the first bits of such an address are none of an IPv4 address.
    ["td_ip_to_domain('102:300::1')", null],
    ["td_lat_long_to_country('FULL_NAME', 1, 2)", 'Republic of Square'],
    ["td_lat_long_to_country('THREE_LETTER_ABBREVIATION', 1, 2)", 'SQR'],
    ["td_lat_long_to_country('POSTAL_ABBREVIATION', 1, 25)", 'SQ'],
    ["td_lat_long_to_country('SORTABLE_NAME', 9, 9)", 'Square, Rep.'],
    ["td_lat_long_to_country('FULL_NAME', 5, 5)", 'Inner'],
    ["td_lat_long_to_country('POSTAL_ABBREVIATION', 5, 5)", null],
    ["td_lat_long_to_country('FULL_NAME', 5, 15)", null],
    ["td_lat_long_to_country('FULL_NAME', NULL, 15)", null],
    ["td_currency_conv('2015-01-02', 'EUR', 'USD', 10)", '12.0'],
    ["td_currency_conv('2015-01-02', 'usd', 'JPY', 1)", '120.0'],
    ["td_currency_conv('2015-01-04', 'USD', 'EUR', 1.2)", '1.0'],
    ["td_currency_conv('2015-02-01 12:00:00', 'USD', 'EUR', 3)", '2.0'],
    ["td_currency_conv('2015-01-01', 'USD', 'EUR', 3)", null],
    ["td_currency_conv('2015-01-02', 'USD', 'XXX', 3)", null],
    ["td_currency_conv('yesterday', 'USD', 'EUR', 3)", null],
  ]
  for (const [sql, value] of cases) {
    test(`answer ${sql} with ${JSON.stringify(value)}`, async () => {
      const answer = await runner.run({ sql: `SELECT ${sql}` })
      assert.deepEqual('rows' in answer ? answer.rows : answer, [[value]])
    })
  }

  test('refuse a kind of name that does not exist', async () => {
    const answer = await runner.run({ sql: "SELECT td_lat_long_to_country('NICKNAME', 1, 2)" })
    assert.deepEqual('error' in answer && answer.error.name, 'INVALID_FUNCTION_ARGUMENT')
  })

  test('are NULL without their file, and say which setting is missing', async () => {
    const answer = await runner.run({ sql: "SELECT td_ip_to_connection_type('1.2.3.4')" })
    assert.deepEqual('rows' in answer && answer.rows, [[null]])
    assert.deepEqual(warnings, [
      'td_ip_to_connection_type answers NULL: the setting MILLRACE_IP_CONNECTION_TYPE_FILE names no file',
    ])
  })

  test('fail, instead of answering NULL, when the file named is missing or another', async () => {
    const noFile = join(directory, 'none.mmdb')
    const csv = await file('broken.csv', 'date,currency,rate\n2015-01-02 USD 1\n')
    for (const [files, sql] of [
      [{ ipCity: noFile }, "td_ip_to_city_name('1.2.3.4')"],
      [{ ipCity: csv }, "td_ip_to_city_name('1.2.3.4')"],
      [{ currencyRates: csv }, "td_currency_conv('2015-01-02', 'EUR', 'USD', 10)"],
    ] as const) {
      const own = await startCases({}, { files })
      const answer = await own.run({ sql: `SELECT ${sql}` })
      await own.close()
      assert.deepEqual('error' in answer && answer.error.name, 'GENERIC_INTERNAL_ERROR')
    }
  })
})

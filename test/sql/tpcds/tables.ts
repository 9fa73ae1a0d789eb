import type { BenchmarkTable } from '../benchmark-tables.ts'
import { COUNTS, DAY_1999, dimensions } from './dimensions.ts'

const DAYS = 3 * 365

/** A foreign key that is NULL once in 25. */
const key = (salt: string, count: number) => `unless(i, '${salt}?', 25, 1 + draw(i, '${salt}', ${count}))`
/** One for all lines of an order. */
const orderKey = (salt: string, count: number) =>
  `unless(o, '${salt}?', 40, 1 + draw(o, '${salt}', ${count}))`
const day = (salt: string) => `unless(o, '${salt}?', 50, ${DAY_1999} + draw(o, '${salt}', ${DAYS}))`
const second = (salt: string) => `300 * (72 + draw(o, '${salt}', 168))`

/** Orders of 1 to `most` lines; the lines of one have different items. */
const lines = (orders: number, most: number, salt: string) =>
  `(SELECT *, o * 20 + n AS i, 1 + (draw(o, '${salt}item', ${COUNTS.items}) + n * 7) % ${COUNTS.items} AS item_sk FROM (SELECT i AS o, unnest(range(1, 2 + draw(i, '${salt}n', ${most}))) AS n FROM range(1, ${orders} + 1) r(i)))`

const PRICES = [
  'quantity',
  'wholesale_cost',
  'list_price',
  'sales_price',
  'ext_discount_amt',
  'ext_sales_price',
  'ext_wholesale_cost',
  'ext_list_price',
  'ext_tax',
  'coupon_amt',
]
const priceColumns = (p: string, more: string[]) =>
  Object.fromEntries(
    [...PRICES, ...more].map((name) => [`${p}_${name}`, name === 'quantity' ? 'integer' : 'decimal(7,2)']),
  )

/** What a line costs follows from its quantity, wholesale cost, margin and discount. */
const priced = (from: string, salt: string) =>
  `(SELECT *, quantity * list_price AS ext_list_price, quantity * wholesale_cost AS ext_wholesale_cost, quantity * sales_price AS ext_sales_price, quantity * (list_price - sales_price) AS ext_discount_amt, CASE WHEN draw(i, '${salt}coupon?', 5) = 0 THEN round(quantity * sales_price * draw(i, '${salt}coupon', 100) / 100, 2) ELSE 0 END AS coupon_amt, round(quantity * list_price * draw(i, '${salt}freight', 50) / 100, 2) AS ext_ship_cost FROM (SELECT *, round(list_price * (100 - draw(i, '${salt}discount', 100)) / 100, 2)::DECIMAL(7,2) AS sales_price FROM (SELECT *, round(wholesale_cost * (100 + draw(i, '${salt}margin', 101)) / 100, 2)::DECIMAL(7,2) AS list_price FROM (SELECT *, 1 + draw(i, '${salt}quantity', 100) AS quantity, cents(i, '${salt}cost', 1, 60)::DECIMAL(7,2) AS wholesale_cost FROM ${from}))))`
const sale = (p: string) =>
  `${[...PRICES.filter((name) => name !== 'ext_tax')].map((name) => `${name} AS ${p}_${name}`).join(', ')}, round((ext_sales_price - coupon_amt) * 0.05, 2) AS ${p}_ext_tax, ext_sales_price - coupon_amt AS ${p}_net_paid, round((ext_sales_price - coupon_amt) * 1.05, 2) AS ${p}_net_paid_inc_tax, ext_sales_price - coupon_amt - ext_wholesale_cost AS ${p}_net_profit`
const shipped = (p: string) =>
  `ext_ship_cost AS ${p}_ext_ship_cost, ext_sales_price - coupon_amt + ext_ship_cost AS ${p}_net_paid_inc_ship, round((ext_sales_price - coupon_amt) * 1.05, 2) + ext_ship_cost AS ${p}_net_paid_inc_ship_tax`

const AMOUNTS = [
  'return_amt',
  'return_tax',
  'return_amt_inc_tax',
  'fee',
  'return_ship_cost',
  'refunded_cash',
  'reversed_charge',
  'store_credit',
  'net_loss',
]
const amountColumns = (p: string, names: Record<string, string> = {}) =>
  Object.fromEntries(AMOUNTS.map((name) => [`${p}_${names[name] ?? name}`, 'decimal(7,2)']))
/** Of the sale with that price and number `i`, about every eighth. */
const returned = (p: string, sold: string, names: Record<string, string> = {}) => {
  const amount = `round(returned * ${sold}_sales_price, 2)`
  const column = (name: string) => `${p}_${names[name] ?? name}`
  return `returned AS ${p}_return_quantity, ${amount} AS ${column('return_amt')}, round(${amount} * 0.05, 2) AS ${column('return_tax')}, round(${amount} * 1.05, 2) AS ${column('return_amt_inc_tax')}, cents(i, '${p}fee', 0, 99) AS ${column('fee')}, cents(i, '${p}ship', 0, 99) AS ${column('return_ship_cost')}, round(${amount} * 0.6, 2) AS ${column('refunded_cash')}, round(${amount} * 0.3, 2) AS ${column('reversed_charge')}, round(${amount} * 0.1, 2) AS ${column('store_credit')}, round(${amount} * 0.05, 2) + cents(i, '${p}fee', 0, 99) AS ${column('net_loss')}`
}
const returnedOf = (source: string, p: string, number: string) =>
  `(SELECT *, 1 + draw(i, '${p}r_quantity', ${p}_quantity) AS returned FROM (SELECT *, ${number} * 200 + ${p}_item_sk AS i FROM (${source})) WHERE draw(i, '${p}r', 8) = 0)`

/** All 24 tables. Scale 1 of this project has some 17,000 lines of sales; the queries' parameters are chosen for it. */
export function tpcdsTables(scale: number): BenchmarkTable[] {
  const orders = (count: number) => Math.round(count * scale)
  const storeSales = `SELECT ${day('ss_date')} AS ss_sold_date_sk, unless(o, 'ss_time?', 50, ${second('ss_time')}) AS ss_sold_time_sk, item_sk AS ss_item_sk, ${orderKey('ss_customer', COUNTS.customers)} AS ss_customer_sk, ${orderKey('ss_cd', COUNTS.demographics)} AS ss_cdemo_sk, ${orderKey('ss_hd', COUNTS.households)} AS ss_hdemo_sk, ${orderKey('ss_addr', COUNTS.addresses)} AS ss_addr_sk, ${orderKey('ss_store', COUNTS.stores)} AS ss_store_sk, ${key('ss_promo', COUNTS.promotions)} AS ss_promo_sk, o AS ss_ticket_number, ${sale('ss')} FROM ${priced(lines(orders(1400), 11, 'ss'), 'ss')}`
  const catalogSales = `SELECT ${day('cs_date')} AS cs_sold_date_sk, ${second('cs_time')} AS cs_sold_time_sk, ${day('cs_date')} + 1 + draw(i, 'cs_ship', 130) AS cs_ship_date_sk, ${orderKey('cs_customer', COUNTS.customers)} AS cs_bill_customer_sk, ${orderKey('cs_cd', COUNTS.demographics)} AS cs_bill_cdemo_sk, ${orderKey('cs_hd', COUNTS.households)} AS cs_bill_hdemo_sk, ${orderKey('cs_addr', COUNTS.addresses)} AS cs_bill_addr_sk, ${orderKey('cs_scustomer', COUNTS.customers)} AS cs_ship_customer_sk, ${orderKey('cs_scd', COUNTS.demographics)} AS cs_ship_cdemo_sk, ${orderKey('cs_shd', COUNTS.households)} AS cs_ship_hdemo_sk, ${orderKey('cs_saddr', COUNTS.addresses)} AS cs_ship_addr_sk, ${orderKey('cs_cc', COUNTS.callCenters)} AS cs_call_center_sk, ${key('cs_page', COUNTS.catalogPages)} AS cs_catalog_page_sk, ${key('cs_mode', COUNTS.shipModes)} AS cs_ship_mode_sk, ${key('cs_warehouse', COUNTS.warehouses)} AS cs_warehouse_sk, item_sk AS cs_item_sk, ${key('cs_promo', COUNTS.promotions)} AS cs_promo_sk, o AS cs_order_number, ${sale('cs')}, ${shipped('cs')} FROM ${priced(lines(orders(900), 9, 'cs'), 'cs')}`
  const webSales = `SELECT ${day('ws_date')} AS ws_sold_date_sk, ${second('ws_time')} AS ws_sold_time_sk, ${day('ws_date')} + 1 + draw(i, 'ws_ship', 130) AS ws_ship_date_sk, item_sk AS ws_item_sk, ${orderKey('ws_customer', COUNTS.customers)} AS ws_bill_customer_sk, ${orderKey('ws_cd', COUNTS.demographics)} AS ws_bill_cdemo_sk, ${orderKey('ws_hd', COUNTS.households)} AS ws_bill_hdemo_sk, ${orderKey('ws_addr', COUNTS.addresses)} AS ws_bill_addr_sk, ${orderKey('ws_scustomer', COUNTS.customers)} AS ws_ship_customer_sk, ${orderKey('ws_scd', COUNTS.demographics)} AS ws_ship_cdemo_sk, ${orderKey('ws_shd', COUNTS.households)} AS ws_ship_hdemo_sk, ${orderKey('ws_saddr', COUNTS.addresses)} AS ws_ship_addr_sk, ${key('ws_page', COUNTS.webPages)} AS ws_web_page_sk, ${key('ws_site', COUNTS.webSites)} AS ws_web_site_sk, ${key('ws_mode', COUNTS.shipModes)} AS ws_ship_mode_sk, ${key('ws_warehouse', COUNTS.warehouses)} AS ws_warehouse_sk, ${key('ws_promo', COUNTS.promotions)} AS ws_promo_sk, o AS ws_order_number, ${sale('ws')}, ${shipped('ws')} FROM ${priced(lines(orders(700), 9, 'ws'), 'ws')}`
  return [
    ...dimensions,
    {
      name: 'inventory',
      columns: {
        inv_date_sk: 'bigint',
        inv_item_sk: 'bigint',
        inv_warehouse_sk: 'bigint',
        inv_quantity_on_hand: 'integer',
      },
      // Every second week of two years; some items rarely lie there.
      sql: `SELECT ${DAY_1999} + 365 + (i // ${COUNTS.items * COUNTS.warehouses}) * 14 AS inv_date_sk, 1 + i % ${COUNTS.items} AS inv_item_sk, 1 + i // ${COUNTS.items} % ${COUNTS.warehouses} AS inv_warehouse_sk, CASE WHEN draw(i, 'inv_much', 4) = 0 THEN draw(i, 'inv_much2', 2000) ELSE draw(i, 'inv', 300) END AS inv_quantity_on_hand FROM range(0, ${COUNTS.items * COUNTS.warehouses * 52}) r(i)`,
    },
    {
      name: 'store_sales',
      columns: {
        ss_sold_date_sk: 'bigint',
        ss_sold_time_sk: 'bigint',
        ss_item_sk: 'bigint',
        ss_customer_sk: 'bigint',
        ss_cdemo_sk: 'bigint',
        ss_hdemo_sk: 'bigint',
        ss_addr_sk: 'bigint',
        ss_store_sk: 'bigint',
        ss_promo_sk: 'bigint',
        ss_ticket_number: 'bigint',
        ...priceColumns('ss', ['net_paid', 'net_paid_inc_tax', 'net_profit']),
      },
      sql: storeSales,
    },
    {
      name: 'store_returns',
      columns: {
        sr_returned_date_sk: 'bigint',
        sr_return_time_sk: 'bigint',
        sr_item_sk: 'bigint',
        sr_customer_sk: 'bigint',
        sr_cdemo_sk: 'bigint',
        sr_hdemo_sk: 'bigint',
        sr_addr_sk: 'bigint',
        sr_store_sk: 'bigint',
        sr_reason_sk: 'bigint',
        sr_ticket_number: 'bigint',
        sr_return_quantity: 'integer',
        ...amountColumns('sr'),
      },
      sql: `SELECT ss_sold_date_sk + 1 + draw(i, 'sr_days', 60) AS sr_returned_date_sk, 300 * draw(i, 'sr_time', 288) AS sr_return_time_sk, ss_item_sk AS sr_item_sk, ss_customer_sk AS sr_customer_sk, ss_cdemo_sk AS sr_cdemo_sk, ss_hdemo_sk AS sr_hdemo_sk, ss_addr_sk AS sr_addr_sk, ss_store_sk AS sr_store_sk, ${key('sr_reason', COUNTS.reasons)} AS sr_reason_sk, ss_ticket_number AS sr_ticket_number, ${returned('sr', 'ss')} FROM ${returnedOf(storeSales, 'ss', 'ss_ticket_number')}`,
    },
    {
      name: 'catalog_sales',
      columns: {
        cs_sold_date_sk: 'bigint',
        cs_sold_time_sk: 'bigint',
        cs_ship_date_sk: 'bigint',
        cs_bill_customer_sk: 'bigint',
        cs_bill_cdemo_sk: 'bigint',
        cs_bill_hdemo_sk: 'bigint',
        cs_bill_addr_sk: 'bigint',
        cs_ship_customer_sk: 'bigint',
        cs_ship_cdemo_sk: 'bigint',
        cs_ship_hdemo_sk: 'bigint',
        cs_ship_addr_sk: 'bigint',
        cs_call_center_sk: 'bigint',
        cs_catalog_page_sk: 'bigint',
        cs_ship_mode_sk: 'bigint',
        cs_warehouse_sk: 'bigint',
        cs_item_sk: 'bigint',
        cs_promo_sk: 'bigint',
        cs_order_number: 'bigint',
        ...priceColumns('cs', [
          'ext_ship_cost',
          'net_paid',
          'net_paid_inc_tax',
          'net_paid_inc_ship',
          'net_paid_inc_ship_tax',
          'net_profit',
        ]),
      },
      sql: catalogSales,
    },
    {
      name: 'catalog_returns',
      columns: {
        cr_returned_date_sk: 'bigint',
        cr_returned_time_sk: 'bigint',
        cr_item_sk: 'bigint',
        cr_refunded_customer_sk: 'bigint',
        cr_refunded_cdemo_sk: 'bigint',
        cr_refunded_hdemo_sk: 'bigint',
        cr_refunded_addr_sk: 'bigint',
        cr_returning_customer_sk: 'bigint',
        cr_returning_cdemo_sk: 'bigint',
        cr_returning_hdemo_sk: 'bigint',
        cr_returning_addr_sk: 'bigint',
        cr_call_center_sk: 'bigint',
        cr_catalog_page_sk: 'bigint',
        cr_ship_mode_sk: 'bigint',
        cr_warehouse_sk: 'bigint',
        cr_reason_sk: 'bigint',
        cr_order_number: 'bigint',
        cr_return_quantity: 'integer',
        ...amountColumns('cr', { return_amt: 'return_amount' }),
      },
      sql: `SELECT cs_ship_date_sk + 1 + draw(i, 'cr_days', 60) AS cr_returned_date_sk, 300 * draw(i, 'cr_time', 288) AS cr_returned_time_sk, cs_item_sk AS cr_item_sk, cs_bill_customer_sk AS cr_refunded_customer_sk, cs_bill_cdemo_sk AS cr_refunded_cdemo_sk, cs_bill_hdemo_sk AS cr_refunded_hdemo_sk, cs_bill_addr_sk AS cr_refunded_addr_sk, cs_ship_customer_sk AS cr_returning_customer_sk, cs_ship_cdemo_sk AS cr_returning_cdemo_sk, cs_ship_hdemo_sk AS cr_returning_hdemo_sk, cs_ship_addr_sk AS cr_returning_addr_sk, cs_call_center_sk AS cr_call_center_sk, cs_catalog_page_sk AS cr_catalog_page_sk, cs_ship_mode_sk AS cr_ship_mode_sk, cs_warehouse_sk AS cr_warehouse_sk, ${key('cr_reason', COUNTS.reasons)} AS cr_reason_sk, cs_order_number AS cr_order_number, ${returned('cr', 'cs', { return_amt: 'return_amount' })} FROM ${returnedOf(catalogSales, 'cs', 'cs_order_number')}`,
    },
    {
      name: 'web_sales',
      columns: {
        ws_sold_date_sk: 'bigint',
        ws_sold_time_sk: 'bigint',
        ws_ship_date_sk: 'bigint',
        ws_item_sk: 'bigint',
        ws_bill_customer_sk: 'bigint',
        ws_bill_cdemo_sk: 'bigint',
        ws_bill_hdemo_sk: 'bigint',
        ws_bill_addr_sk: 'bigint',
        ws_ship_customer_sk: 'bigint',
        ws_ship_cdemo_sk: 'bigint',
        ws_ship_hdemo_sk: 'bigint',
        ws_ship_addr_sk: 'bigint',
        ws_web_page_sk: 'bigint',
        ws_web_site_sk: 'bigint',
        ws_ship_mode_sk: 'bigint',
        ws_warehouse_sk: 'bigint',
        ws_promo_sk: 'bigint',
        ws_order_number: 'bigint',
        ...priceColumns('ws', [
          'ext_ship_cost',
          'net_paid',
          'net_paid_inc_tax',
          'net_paid_inc_ship',
          'net_paid_inc_ship_tax',
          'net_profit',
        ]),
      },
      sql: webSales,
    },
    {
      name: 'web_returns',
      columns: {
        wr_returned_date_sk: 'bigint',
        wr_returned_time_sk: 'bigint',
        wr_item_sk: 'bigint',
        wr_refunded_customer_sk: 'bigint',
        wr_refunded_cdemo_sk: 'bigint',
        wr_refunded_hdemo_sk: 'bigint',
        wr_refunded_addr_sk: 'bigint',
        wr_returning_customer_sk: 'bigint',
        wr_returning_cdemo_sk: 'bigint',
        wr_returning_hdemo_sk: 'bigint',
        wr_returning_addr_sk: 'bigint',
        wr_web_page_sk: 'bigint',
        wr_reason_sk: 'bigint',
        wr_order_number: 'bigint',
        wr_return_quantity: 'integer',
        ...amountColumns('wr', { store_credit: 'account_credit' }),
      },
      sql: `SELECT ws_ship_date_sk + 1 + draw(i, 'wr_days', 60) AS wr_returned_date_sk, 300 * draw(i, 'wr_time', 288) AS wr_returned_time_sk, ws_item_sk AS wr_item_sk, ws_bill_customer_sk AS wr_refunded_customer_sk, ws_bill_cdemo_sk AS wr_refunded_cdemo_sk, ws_bill_hdemo_sk AS wr_refunded_hdemo_sk, ws_bill_addr_sk AS wr_refunded_addr_sk, ws_ship_customer_sk AS wr_returning_customer_sk, CASE WHEN draw(i, 'wr_same', 2) = 0 THEN ws_bill_cdemo_sk ELSE ws_ship_cdemo_sk END AS wr_returning_cdemo_sk, ws_ship_hdemo_sk AS wr_returning_hdemo_sk, ws_ship_addr_sk AS wr_returning_addr_sk, ws_web_page_sk AS wr_web_page_sk, ${key('wr_reason', COUNTS.reasons)} AS wr_reason_sk, ws_order_number AS wr_order_number, ${returned('wr', 'ws', { store_credit: 'account_credit' })} FROM ${returnedOf(webSales, 'ws', 'ws_order_number')}`,
    },
  ]
}

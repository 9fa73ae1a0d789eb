import type { BenchmarkTable } from '../benchmark-tables.ts'

const NATIONS = [
  'ALGERIA',
  'ARGENTINA',
  'BRAZIL',
  'CANADA',
  'EGYPT',
  'ETHIOPIA',
  'FRANCE',
  'GERMANY',
  'INDIA',
  'INDONESIA',
  'IRAN',
  'IRAQ',
  'JAPAN',
  'JORDAN',
  'KENYA',
  'MOROCCO',
  'MOZAMBIQUE',
  'PERU',
  'CHINA',
  'ROMANIA',
  'SAUDI ARABIA',
  'VIETNAM',
  'RUSSIA',
  'UNITED KINGDOM',
  'UNITED STATES',
]
const REGION_OF = [0, 1, 1, 1, 4, 0, 3, 3, 2, 2, 4, 4, 2, 4, 0, 0, 0, 1, 2, 3, 4, 2, 3, 3, 1]
const REGIONS = ['AFRICA', 'AMERICA', 'ASIA', 'EUROPE', 'MIDDLE EAST']
const COLOURS = [
  'almond',
  'antique',
  'azure',
  'beige',
  'blue',
  'brown',
  'chocolate',
  'cream',
  'dim',
  'forest',
  'ghost',
  'green',
  'ivory',
  'khaki',
  'lemon',
  'lime',
  'magenta',
  'navy',
  'olive',
  'orchid',
  'peru',
  'plum',
  'red',
  'sienna',
  'tan',
  'violet',
]
const WORDS = [
  'furiously',
  'carefully',
  'quick',
  'ironic',
  'final',
  'deposits',
  'accounts',
  'packages',
  'theodolites',
  'sleep',
  'special',
  'requests',
  'pending',
  'above',
  'the',
  'along',
]

const texts = (items: string[]) => `[${items.map((item) => `'${item}'`).join(', ')}]`
const words = (salt: string, count: number) =>
  Array.from({ length: count }, (_, n) => `one_of(i, '${salt}${n}', ${texts(WORDS)})`).join(` || ' ' || `)
const phone = (nation: string, salt: string) =>
  `(${nation} + 10)::VARCHAR || '-' || (100 + draw(i, '${salt}1', 900)) || '-' || (100 + draw(i, '${salt}2', 900)) || '-' || (1000 + draw(i, '${salt}3', 9000))`
const range = (count: number) => `range(1, ${count} + 1) r(i)`

/** The retail price is a function of the part's key, by which lineitem computes it again. */
const price = (key: string) =>
  `((90000 + (${key} // 10) % 20001 + 100 * (${key} % 1000)) / 100.0)::DECIMAL(12,2)`

/** The eight tables; scale 1 has six million lines. */
export function tpchTables(scale: number): BenchmarkTable[] {
  const count = (atOne: number) => Math.max(1, Math.round(atOne * scale))
  const [suppliers, parts, customers, orders] = [
    count(10_000),
    count(200_000),
    count(150_000),
    count(1_500_000),
  ]
  /** The n-th of the four suppliers of a part, as lineitem must find it again. */
  const supplierOf = (part: string, n: string) =>
    `(${part} + ${n} * (${suppliers} // 4 + (${part} - 1) // ${suppliers})) % ${suppliers} + 1`
  const orderDate = (key: string) => `(DATE '1992-01-01' + draw(${key}, 'o_date', 2406)::INTEGER)`
  return [
    {
      name: 'region',
      columns: { r_regionkey: 'bigint', r_name: 'varchar', r_comment: 'varchar' },
      sql: `SELECT i - 1 AS r_regionkey, ${texts(REGIONS)}[i] AS r_name, ${words('r', 4)} AS r_comment FROM ${range(5)}`,
    },
    {
      name: 'nation',
      columns: { n_nationkey: 'bigint', n_name: 'varchar', n_regionkey: 'bigint', n_comment: 'varchar' },
      sql: `SELECT i - 1 AS n_nationkey, ${texts(NATIONS)}[i] AS n_name, [${REGION_OF.join(', ')}][i] AS n_regionkey, ${words('n', 5)} AS n_comment FROM ${range(25)}`,
    },
    {
      name: 'supplier',
      columns: {
        s_suppkey: 'bigint',
        s_name: 'varchar',
        s_address: 'varchar',
        s_nationkey: 'bigint',
        s_phone: 'varchar',
        s_acctbal: 'decimal(12,2)',
        s_comment: 'varchar',
      },
      sql: `SELECT i AS s_suppkey, printf('Supplier#%09d', i) AS s_name, ${words('sa', 2)} AS s_address, i % 25 AS s_nationkey, ${phone('i % 25', 'sp')} AS s_phone, cents(i, 's_bal', -999, 9999) AS s_acctbal, ${words('sc', 4)} || CASE WHEN draw(i, 's_odd', 200) = 0 THEN ' Customer slow Complaints' ELSE '' END AS s_comment FROM ${range(suppliers)}`,
    },
    {
      name: 'customer',
      columns: {
        c_custkey: 'bigint',
        c_name: 'varchar',
        c_address: 'varchar',
        c_nationkey: 'bigint',
        c_phone: 'varchar',
        c_acctbal: 'decimal(12,2)',
        c_mktsegment: 'varchar',
        c_comment: 'varchar',
      },
      sql: `SELECT i AS c_custkey, printf('Customer#%09d', i) AS c_name, ${words('ca', 2)} AS c_address, draw(i, 'c_nation', 25) AS c_nationkey, ${phone("draw(i, 'c_nation', 25)", 'cp')} AS c_phone, cents(i, 'c_bal', -999, 9999) AS c_acctbal, one_of(i, 'c_seg', ['AUTOMOBILE', 'BUILDING', 'FURNITURE', 'MACHINERY', 'HOUSEHOLD']) AS c_mktsegment, ${words('cc', 5)} AS c_comment FROM ${range(customers)}`,
    },
    {
      name: 'part',
      columns: {
        p_partkey: 'bigint',
        p_name: 'varchar',
        p_mfgr: 'varchar',
        p_brand: 'varchar',
        p_type: 'varchar',
        p_size: 'integer',
        p_container: 'varchar',
        p_retailprice: 'decimal(12,2)',
        p_comment: 'varchar',
      },
      sql: `SELECT i AS p_partkey, ${['1', '2', '3'].map((n) => `one_of(i, 'p_name${n}', ${texts(COLOURS)})`).join(` || ' ' || `)} AS p_name, 'Manufacturer#' || (1 + draw(i, 'p_mfgr', 5)) AS p_mfgr, 'Brand#' || (1 + draw(i, 'p_mfgr', 5)) || (1 + draw(i, 'p_brand', 5)) AS p_brand, one_of(i, 'p_t1', ['STANDARD', 'SMALL', 'MEDIUM', 'LARGE', 'ECONOMY', 'PROMO']) || ' ' || one_of(i, 'p_t2', ['ANODIZED', 'BURNISHED', 'PLATED', 'POLISHED', 'BRUSHED']) || ' ' || one_of(i, 'p_t3', ['TIN', 'NICKEL', 'BRASS', 'STEEL', 'COPPER']) AS p_type, 1 + draw(i, 'p_size', 50) AS p_size, one_of(i, 'p_c1', ['SM', 'LG', 'MED', 'JUMBO', 'WRAP']) || ' ' || one_of(i, 'p_c2', ['CASE', 'BOX', 'BAG', 'JAR', 'PKG', 'PACK', 'CAN', 'DRUM']) AS p_container, ${price('i')} AS p_retailprice, ${words('pc', 2)} AS p_comment FROM ${range(parts)}`,
    },
    {
      name: 'partsupp',
      columns: {
        ps_partkey: 'bigint',
        ps_suppkey: 'bigint',
        ps_availqty: 'integer',
        ps_supplycost: 'decimal(12,2)',
        ps_comment: 'varchar',
      },
      sql: `SELECT part AS ps_partkey, ${supplierOf('part', 'n')} AS ps_suppkey, 1 + draw(i, 'ps_qty', 9999) AS ps_availqty, cents(i, 'ps_cost', 1, 1000) AS ps_supplycost, ${words('psc', 4)} AS ps_comment FROM (SELECT i, (i - 1) // 4 + 1 AS part, (i - 1) % 4 AS n FROM ${range(parts * 4)})`,
    },
    {
      name: 'orders',
      columns: {
        o_orderkey: 'bigint',
        o_custkey: 'bigint',
        o_orderstatus: 'varchar',
        o_totalprice: 'decimal(12,2)',
        o_orderdate: 'date',
        o_orderpriority: 'varchar',
        o_clerk: 'varchar',
        o_shippriority: 'integer',
        o_comment: 'varchar',
      },
      // Every third customer never orders.
      sql: `SELECT i AS o_orderkey, 1 + 3 * draw(i, 'o_cust', ${Math.max(1, Math.floor(customers / 3))}) + draw(i, 'o_cust2', 2) AS o_custkey, CASE WHEN ${orderDate('i')} < DATE '1995-03-17' THEN 'F' WHEN ${orderDate('i')} > DATE '1995-08-17' THEN 'O' ELSE 'P' END AS o_orderstatus, cents(i, 'o_total', 900, 400000) AS o_totalprice, ${orderDate('i')} AS o_orderdate, one_of(i, 'o_prio', ['1-URGENT', '2-HIGH', '3-MEDIUM', '4-NOT SPECIFIED', '5-LOW']) AS o_orderpriority, printf('Clerk#%09d', 1 + draw(i, 'o_clerk', ${count(1000)})) AS o_clerk, 0 AS o_shippriority, ${words('oc', 6)} AS o_comment FROM ${range(orders)}`,
    },
    {
      name: 'lineitem',
      columns: {
        l_orderkey: 'bigint',
        l_partkey: 'bigint',
        l_suppkey: 'bigint',
        l_linenumber: 'integer',
        l_quantity: 'decimal(12,2)',
        l_extendedprice: 'decimal(12,2)',
        l_discount: 'decimal(12,2)',
        l_tax: 'decimal(12,2)',
        l_returnflag: 'varchar',
        l_linestatus: 'varchar',
        l_shipdate: 'date',
        l_commitdate: 'date',
        l_receiptdate: 'date',
        l_shipinstruct: 'varchar',
        l_shipmode: 'varchar',
        l_comment: 'varchar',
      },
      sql: `SELECT *, (l_quantity * ${price('l_partkey')})::DECIMAL(12,2) AS l_extendedprice, CASE WHEN l_receiptdate > DATE '1995-06-17' THEN 'N' ELSE one_of(i, 'l_flag', ['R', 'A']) END AS l_returnflag, CASE WHEN l_shipdate > DATE '1995-06-17' THEN 'O' ELSE 'F' END AS l_linestatus FROM (SELECT *, l_shipdate + 1 + draw(i, 'l_receipt', 30)::INTEGER AS l_receiptdate FROM (SELECT o * 8 + n AS i, o AS l_orderkey, 1 + draw(o * 8 + n, 'l_part', ${parts}) AS l_partkey, ${supplierOf(`(1 + draw(o * 8 + n, 'l_part', ${parts}))`, `draw(o * 8 + n, 'l_supp', 4)`)} AS l_suppkey, n AS l_linenumber, (1 + draw(o * 8 + n, 'l_qty', 50))::DECIMAL(12,2) AS l_quantity, (draw(o * 8 + n, 'l_disc', 11) / 100.0)::DECIMAL(12,2) AS l_discount, (draw(o * 8 + n, 'l_tax', 9) / 100.0)::DECIMAL(12,2) AS l_tax, ${orderDate('o')} + 1 + draw(o * 8 + n, 'l_ship', 121)::INTEGER AS l_shipdate, ${orderDate('o')} + 30 + draw(o * 8 + n, 'l_commit', 61)::INTEGER AS l_commitdate, one_of(o * 8 + n, 'l_inst', ['DELIVER IN PERSON', 'COLLECT COD', 'NONE', 'TAKE BACK RETURN']) AS l_shipinstruct, one_of(o * 8 + n, 'l_mode', ['REG AIR', 'AIR', 'RAIL', 'SHIP', 'TRUCK', 'MAIL', 'FOB']) AS l_shipmode, one_of(o * 8 + n, 'l_c1', ${texts(WORDS)}) || ' ' || one_of(o * 8 + n, 'l_c2', ${texts(WORDS)}) AS l_comment FROM (SELECT i AS o, unnest(range(1, 2 + draw(i, 'o_lines', 7))) AS n FROM ${range(orders)})))`,
    },
  ]
}

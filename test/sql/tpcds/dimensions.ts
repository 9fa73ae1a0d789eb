import type { BenchmarkTable } from '../benchmark-tables.ts'

/** How many rows the small tables have; facts grow with the scale. Facts are of the years 1999 to 2001. */
export const COUNTS = {
  items: 120,
  customers: 160,
  addresses: 120,
  demographics: 280,
  households: 720,
  stores: 6,
  warehouses: 3,
  promotions: 12,
  reasons: 10,
  callCenters: 4,
  catalogPages: 30,
  webPages: 20,
  webSites: 6,
  shipModes: 20,
} as const

/** The number that the specification gives a day: 1998-01-01 is 2450815. */
export const FIRST_DAY = 2_450_815
export const DAY_1999 = FIRST_DAY + 365

const STATES = ['TN', 'SD', 'GA', 'CA', 'TX', 'OH', 'KY', 'NY', 'VA', 'MS']
const COUNTIES = ['Williamson County', 'Ziebach County', 'Walker County', 'Barrow County', 'Daviess County']
const CITIES = ['Midway', 'Fairview', 'Oak Grove', 'Five Points', 'Pleasant Hill', 'Centerville', 'Liberty', 'Salem']
const STREETS = ['Oak', 'Main', 'Park', 'Elm', 'Cedar', 'First', 'Hill', 'Lake']
const CLASSES = ['accent', 'blinds', 'classical', 'dresses', 'fiction', 'football', 'fragrances', 'infants', 'pants', 'pop', 'rugs', 'shirts']
const CATEGORIES = ['Women', 'Men', 'Children', 'Shoes', 'Music', 'Jewelry', 'Home', 'Sports', 'Books', 'Electronics']
const COLOURS = ['slate', 'blanched', 'burnished', 'pale', 'navy', 'dim', 'plum', 'peru', 'orchid', 'smoke', 'powder', 'khaki']
const FIRST_NAMES = ['James', 'Mary', 'John', 'Ana', 'Wei', 'Yuki', 'Omar', 'Lena']
const LAST_NAMES = ['Smith', 'Jones', 'Brown', 'Garcia', 'Tanaka', 'Novak', 'Silva', 'Okoro', 'Weber']
const COUNTRIES = ['JAPAN', 'CANADA', 'GERMANY', 'KENYA', 'BRAZIL', 'UNITED STATES']

const texts = (items: readonly string[]) => `[${items.map((item) => `'${item}'`).join(', ')}]`
const of = (salt: string, items: readonly string[]) => `one_of(i, '${salt}', ${texts(items)})`
const range = (count: number) => `range(1, ${count} + 1) r(i)`
const id = (prefix: string, number = 'i') => `printf('${prefix}%012d', ${number})`

/** Street, city and so on, as five of the tables have them, under the table's own prefix. */
const addressColumns = (p: string) => ({
  [`${p}_street_number`]: 'varchar',
  [`${p}_street_name`]: 'varchar',
  [`${p}_street_type`]: 'varchar',
  [`${p}_suite_number`]: 'varchar',
  [`${p}_city`]: 'varchar',
  [`${p}_county`]: 'varchar',
  [`${p}_state`]: 'varchar',
  [`${p}_zip`]: 'varchar',
  [`${p}_country`]: 'varchar',
  [`${p}_gmt_offset`]: 'decimal(5,2)',
})
const addressSql = (p: string, states: readonly string[], offset: string) =>
  `(1 + draw(i, '${p}sn', 999))::VARCHAR AS ${p}_street_number, ${of(`${p}st`, STREETS)} AS ${p}_street_name, ${of(`${p}ty`, ['Street', 'Ave', 'Road', 'Lane'])} AS ${p}_street_type, 'Suite ' || draw(i, '${p}su', 90) AS ${p}_suite_number, ${of(`${p}ci`, CITIES)} AS ${p}_city, ${of(`${p}co`, COUNTIES)} AS ${p}_county, ${of(`${p}sta`, states)} AS ${p}_state, printf('%05d', 24000 + 37 * draw(i, '${p}zip', 30)) AS ${p}_zip, 'United States' AS ${p}_country, ${offset} AS ${p}_gmt_offset`

export const dimensions: BenchmarkTable[] = [
  {
    name: 'date_dim',
    columns: {
      d_date_sk: 'bigint', d_date_id: 'varchar', d_date: 'date', d_month_seq: 'integer', d_week_seq: 'integer',
      d_quarter_seq: 'integer', d_year: 'integer', d_dow: 'integer', d_moy: 'integer', d_dom: 'integer', d_qoy: 'integer',
      d_fy_year: 'integer', d_fy_quarter_seq: 'integer', d_fy_week_seq: 'integer', d_day_name: 'varchar',
      d_quarter_name: 'varchar', d_holiday: 'varchar', d_weekend: 'varchar', d_following_holiday: 'varchar',
      d_first_dom: 'integer', d_last_dom: 'integer', d_same_day_ly: 'integer', d_same_day_lq: 'integer',
      d_current_day: 'varchar', d_current_week: 'varchar', d_current_month: 'varchar', d_current_quarter: 'varchar',
      d_current_year: 'varchar',
    },
    sql: `SELECT ${FIRST_DAY} + n AS d_date_sk, ${id('D', `${FIRST_DAY} + n`)} AS d_date_id, d AS d_date, (year(d) - 1900) * 12 + month(d) - 1 AS d_month_seq, (d - DATE '1899-12-31') // 7 + 1 AS d_week_seq, (year(d) - 1900) * 4 + quarter(d) - 1 AS d_quarter_seq, year(d) AS d_year, dayofweek(d) AS d_dow, month(d) AS d_moy, day(d) AS d_dom, quarter(d) AS d_qoy, year(d) AS d_fy_year, (year(d) - 1900) * 4 + quarter(d) - 1 AS d_fy_quarter_seq, (d - DATE '1899-12-31') // 7 + 1 AS d_fy_week_seq, dayname(d) AS d_day_name, year(d) || 'Q' || quarter(d) AS d_quarter_name, CASE WHEN day(d) = 25 AND month(d) = 12 THEN 'Y' ELSE 'N' END AS d_holiday, CASE WHEN dayofweek(d) IN (0, 6) THEN 'Y' ELSE 'N' END AS d_weekend, 'N' AS d_following_holiday, ${FIRST_DAY} + n - day(d) + 1 AS d_first_dom, ${FIRST_DAY} + n + day(last_day(d)) - day(d) AS d_last_dom, ${FIRST_DAY} + n - 365 AS d_same_day_ly, ${FIRST_DAY} + n - 91 AS d_same_day_lq, 'N' AS d_current_day, 'N' AS d_current_week, 'N' AS d_current_month, 'N' AS d_current_quarter, 'N' AS d_current_year FROM (SELECT i - 1 AS n, DATE '1998-01-01' + (i - 1)::INTEGER AS d FROM ${range(2191)})`,
  },
  {
    name: 'time_dim',
    columns: { t_time_sk: 'bigint', t_time_id: 'varchar', t_time: 'integer', t_hour: 'integer', t_minute: 'integer', t_second: 'integer', t_am_pm: 'varchar', t_shift: 'varchar', t_sub_shift: 'varchar', t_meal_time: 'varchar' },
    // Every fifth minute.
    sql: `SELECT t AS t_time_sk, ${id('T', 't')} AS t_time_id, t AS t_time, t // 3600 AS t_hour, t // 60 % 60 AS t_minute, 0 AS t_second, CASE WHEN t < 43200 THEN 'AM' ELSE 'PM' END AS t_am_pm, ['third', 'first', 'second'][1 + t // 28800] AS t_shift, ['night', 'morning', 'afternoon', 'evening'][1 + t // 21600] AS t_sub_shift, CASE WHEN t // 3600 BETWEEN 6 AND 8 THEN 'breakfast' WHEN t // 3600 BETWEEN 11 AND 13 THEN 'lunch' WHEN t // 3600 BETWEEN 17 AND 20 THEN 'dinner' END AS t_meal_time FROM (SELECT (i - 1) * 300 AS t FROM ${range(288)})`,
  },
  {
    name: 'item',
    columns: {
      i_item_sk: 'bigint', i_item_id: 'varchar', i_rec_start_date: 'date', i_rec_end_date: 'date', i_item_desc: 'varchar',
      i_current_price: 'decimal(7,2)', i_wholesale_cost: 'decimal(7,2)', i_brand_id: 'integer', i_brand: 'varchar',
      i_class_id: 'integer', i_class: 'varchar', i_category_id: 'integer', i_category: 'varchar', i_manufact_id: 'integer',
      i_manufact: 'varchar', i_size: 'varchar', i_formulation: 'varchar', i_color: 'varchar', i_units: 'varchar',
      i_container: 'varchar', i_manager_id: 'integer', i_product_name: 'varchar',
    },
    // Two revisions share an id.
    sql: `SELECT i AS i_item_sk, ${id('I', '(i + 1) // 2')} AS i_item_id, CASE WHEN i % 2 = 1 THEN DATE '1997-10-27' ELSE DATE '2000-10-27' END AS i_rec_start_date, CASE WHEN i % 2 = 1 THEN DATE '2000-10-26' END AS i_rec_end_date, 'Goods of kind ' || i AS i_item_desc, cents(i, 'i_price', 1, 99) AS i_current_price, cents(i, 'i_cost', 1, 60) AS i_wholesale_cost, 1001000 * (1 + i % 10) + draw(i, 'i_brand', 3) AS i_brand_id, 'brand' || (i % 10) || ' #' || draw(i, 'i_brand', 3) AS i_brand, 1 + i % 12 AS i_class_id, ${texts(CLASSES)}[1 + i % 12] AS i_class, 1 + i % 10 AS i_category_id, ${texts(CATEGORIES)}[1 + i % 10] AS i_category, 1 + draw(i, 'i_manu', 12) AS i_manufact_id, 'maker ' || draw(i, 'i_manu', 12) AS i_manufact, ${of('i_size', ['small', 'medium', 'large', 'extra large', 'petite', 'N/A'])} AS i_size, 'formula ' || i AS i_formulation, ${of('i_color', COLOURS)} AS i_color, ${of('i_units', ['Ounce', 'Oz', 'Bunch', 'Ton', 'Each', 'Pound'])} AS i_units, 'Unknown' AS i_container, 1 + draw(i, 'i_manager', 8) AS i_manager_id, 'product ' || i AS i_product_name FROM ${range(COUNTS.items)}`,
  },
  {
    name: 'customer',
    columns: {
      c_customer_sk: 'bigint', c_customer_id: 'varchar', c_current_cdemo_sk: 'bigint', c_current_hdemo_sk: 'bigint',
      c_current_addr_sk: 'bigint', c_first_shipto_date_sk: 'bigint', c_first_sales_date_sk: 'bigint', c_salutation: 'varchar',
      c_first_name: 'varchar', c_last_name: 'varchar', c_preferred_cust_flag: 'varchar', c_birth_day: 'integer',
      c_birth_month: 'integer', c_birth_year: 'integer', c_birth_country: 'varchar', c_login: 'varchar',
      c_email_address: 'varchar', c_last_review_date_sk: 'bigint',
    },
    sql: `SELECT i AS c_customer_sk, ${id('C')} AS c_customer_id, unless(i, 'c_cd', 30, 1 + draw(i, 'c_cdemo', ${COUNTS.demographics})) AS c_current_cdemo_sk, unless(i, 'c_hd', 30, 1 + draw(i, 'c_hdemo', ${COUNTS.households})) AS c_current_hdemo_sk, 1 + draw(i, 'c_addr', ${COUNTS.addresses}) AS c_current_addr_sk, ${DAY_1999} + draw(i, 'c_ship', 900) AS c_first_shipto_date_sk, ${DAY_1999} + draw(i, 'c_sale', 900) AS c_first_sales_date_sk, ${of('c_sal', ['Mr.', 'Mrs.', 'Dr.', 'Ms.'])} AS c_salutation, unless(i, 'c_fn', 30, ${of('c_first', FIRST_NAMES)}) AS c_first_name, unless(i, 'c_ln', 30, ${of('c_last', LAST_NAMES)}) AS c_last_name, unless(i, 'c_pf', 20, ${of('c_pref', ['Y', 'N'])}) AS c_preferred_cust_flag, 1 + draw(i, 'c_bd', 28) AS c_birth_day, 1 + draw(i, 'c_bm', 12) AS c_birth_month, 1930 + draw(i, 'c_by', 60) AS c_birth_year, ${of('c_bc', COUNTRIES)} AS c_birth_country, NULL::VARCHAR AS c_login, 'c' || i || '@example.com' AS c_email_address, ${DAY_1999} + draw(i, 'c_review', 900) AS c_last_review_date_sk FROM ${range(COUNTS.customers)}`,
  },
  {
    name: 'customer_address',
    columns: { ca_address_sk: 'bigint', ca_address_id: 'varchar', ...addressColumns('ca'), ca_location_type: 'varchar' },
    sql: `SELECT i AS ca_address_sk, ${id('A')} AS ca_address_id, ${addressSql('ca', STATES, '-5 - draw(i, \'ca_gmt\', 2)')}, ${of('ca_loc', ['apartment', 'condo', 'single family'])} AS ca_location_type FROM ${range(COUNTS.addresses)}`,
  },
  {
    name: 'customer_demographics',
    columns: { cd_demo_sk: 'bigint', cd_gender: 'varchar', cd_marital_status: 'varchar', cd_education_status: 'varchar', cd_purchase_estimate: 'integer', cd_credit_rating: 'varchar', cd_dep_count: 'integer', cd_dep_employed_count: 'integer', cd_dep_college_count: 'integer' },
    sql: `SELECT i AS cd_demo_sk, ['M', 'F'][1 + i % 2] AS cd_gender, ['M', 'S', 'D', 'W', 'U'][1 + i // 2 % 5] AS cd_marital_status, ['Primary', 'Secondary', 'College', '2 yr Degree', '4 yr Degree', 'Advanced Degree', 'Unknown'][1 + i // 10 % 7] AS cd_education_status, 500 * (1 + draw(i, 'cd_pe', 20)) AS cd_purchase_estimate, ${of('cd_cr', ['Good', 'High Risk', 'Low Risk', 'Unknown'])} AS cd_credit_rating, draw(i, 'cd_dc', 7) AS cd_dep_count, draw(i, 'cd_de', 7) AS cd_dep_employed_count, draw(i, 'cd_dl', 7) AS cd_dep_college_count FROM ${range(COUNTS.demographics)}`,
  },
  {
    name: 'household_demographics',
    columns: { hd_demo_sk: 'bigint', hd_income_band_sk: 'bigint', hd_buy_potential: 'varchar', hd_dep_count: 'integer', hd_vehicle_count: 'integer' },
    sql: `SELECT i AS hd_demo_sk, 1 + i % 20 AS hd_income_band_sk, ${of('hd_bp', ['0-500', '501-1000', '1001-5000', '5001-10000', '>10000', 'Unknown'])} AS hd_buy_potential, i // 6 % 10 AS hd_dep_count, i % 6 - 1 AS hd_vehicle_count FROM ${range(COUNTS.households)}`,
  },
  {
    name: 'income_band',
    columns: { ib_income_band_sk: 'bigint', ib_lower_bound: 'integer', ib_upper_bound: 'integer' },
    sql: `SELECT i AS ib_income_band_sk, (i - 1) * 10000 + CASE WHEN i = 1 THEN 0 ELSE 1 END AS ib_lower_bound, i * 10000 AS ib_upper_bound FROM ${range(20)}`,
  },
  {
    name: 'store',
    columns: {
      s_store_sk: 'bigint', s_store_id: 'varchar', s_rec_start_date: 'date', s_rec_end_date: 'date', s_closed_date_sk: 'bigint',
      s_store_name: 'varchar', s_number_employees: 'integer', s_floor_space: 'integer', s_hours: 'varchar', s_manager: 'varchar',
      s_market_id: 'integer', s_geography_class: 'varchar', s_market_desc: 'varchar', s_market_manager: 'varchar',
      s_division_id: 'integer', s_division_name: 'varchar', s_company_id: 'integer', s_company_name: 'varchar',
      ...addressColumns('s'), s_tax_percentage: 'decimal(5,2)',
    },
    sql: `SELECT i AS s_store_sk, ${id('S', '(i + 1) // 2')} AS s_store_id, DATE '1997-03-13' AS s_rec_start_date, NULL::DATE AS s_rec_end_date, NULL::BIGINT AS s_closed_date_sk, ['ought', 'able', 'pri', 'ese', 'anti', 'cally'][i] AS s_store_name, 200 + draw(i, 's_emp', 100) AS s_number_employees, 5000000 + draw(i, 's_floor', 5000000) AS s_floor_space, ${of('s_hours', ['8AM-8AM', '8AM-4PM', '8AM-12AM'])} AS s_hours, 'Manager ' || i AS s_manager, 1 + i % 4 AS s_market_id, 'Unknown' AS s_geography_class, 'market ' || i AS s_market_desc, 'Market manager ' || i AS s_market_manager, 1 AS s_division_id, 'Unknown' AS s_division_name, 1 AS s_company_id, 'Unknown' AS s_company_name, ${addressSql('s', ['TN', 'SD', 'GA'], '-5')}, 0.05 AS s_tax_percentage FROM ${range(COUNTS.stores)}`,
  },
  {
    name: 'warehouse',
    columns: { w_warehouse_sk: 'bigint', w_warehouse_id: 'varchar', w_warehouse_name: 'varchar', w_warehouse_sq_ft: 'integer', ...addressColumns('w') },
    sql: `SELECT i AS w_warehouse_sk, ${id('W')} AS w_warehouse_id, ['Conventional childr', 'Important issues liv', 'Doors canno'][i] AS w_warehouse_name, 100000 * i AS w_warehouse_sq_ft, ${addressSql('w', ['TN', 'GA'], '-5')} FROM ${range(COUNTS.warehouses)}`,
  },
  {
    name: 'ship_mode',
    columns: { sm_ship_mode_sk: 'bigint', sm_ship_mode_id: 'varchar', sm_type: 'varchar', sm_code: 'varchar', sm_carrier: 'varchar', sm_contract: 'varchar' },
    sql: `SELECT i AS sm_ship_mode_sk, ${id('M')} AS sm_ship_mode_id, ['EXPRESS', 'NEXT DAY', 'OVERNIGHT', 'REGULAR', 'LIBRARY'][1 + i % 5] AS sm_type, ['AIR', 'SURFACE', 'SEA'][1 + i % 3] AS sm_code, ['UPS', 'FEDEX', 'DHL', 'BARIAN', 'TBS'][1 + i // 4 % 5] AS sm_carrier, 'contract ' || i AS sm_contract FROM ${range(COUNTS.shipModes)}`,
  },
  {
    name: 'promotion',
    columns: {
      p_promo_sk: 'bigint', p_promo_id: 'varchar', p_start_date_sk: 'bigint', p_end_date_sk: 'bigint', p_item_sk: 'bigint',
      p_cost: 'decimal(15,2)', p_response_target: 'integer', p_promo_name: 'varchar', p_channel_dmail: 'varchar',
      p_channel_email: 'varchar', p_channel_catalog: 'varchar', p_channel_tv: 'varchar', p_channel_radio: 'varchar',
      p_channel_press: 'varchar', p_channel_event: 'varchar', p_channel_demo: 'varchar', p_channel_details: 'varchar',
      p_purpose: 'varchar', p_discount_active: 'varchar',
    },
    sql: `SELECT i AS p_promo_sk, ${id('P')} AS p_promo_id, ${DAY_1999} AS p_start_date_sk, ${DAY_1999} + 900 AS p_end_date_sk, i AS p_item_sk, 1000 AS p_cost, 1 AS p_response_target, 'promo ' || i AS p_promo_name, ['Y', 'N'][1 + i % 2] AS p_channel_dmail, ['Y', 'N', 'N'][1 + i % 3] AS p_channel_email, 'N' AS p_channel_catalog, ['Y', 'N', 'N', 'N'][1 + i % 4] AS p_channel_tv, 'N' AS p_channel_radio, 'N' AS p_channel_press, ['Y', 'N', 'N'][1 + i % 3] AS p_channel_event, 'N' AS p_channel_demo, 'details' AS p_channel_details, 'Unknown' AS p_purpose, 'N' AS p_discount_active FROM ${range(COUNTS.promotions)}`,
  },
  {
    name: 'reason',
    columns: { r_reason_sk: 'bigint', r_reason_id: 'varchar', r_reason_desc: 'varchar' },
    sql: `SELECT i AS r_reason_sk, ${id('R')} AS r_reason_id, 'reason ' || i AS r_reason_desc FROM ${range(COUNTS.reasons)}`,
  },
  {
    name: 'call_center',
    columns: {
      cc_call_center_sk: 'bigint', cc_call_center_id: 'varchar', cc_rec_start_date: 'date', cc_rec_end_date: 'date',
      cc_closed_date_sk: 'bigint', cc_open_date_sk: 'bigint', cc_name: 'varchar', cc_class: 'varchar', cc_employees: 'integer',
      cc_sq_ft: 'integer', cc_hours: 'varchar', cc_manager: 'varchar', cc_mkt_id: 'integer', cc_mkt_class: 'varchar',
      cc_mkt_desc: 'varchar', cc_market_manager: 'varchar', cc_division: 'integer', cc_division_name: 'varchar',
      cc_company: 'integer', cc_company_name: 'varchar', ...addressColumns('cc'), cc_tax_percentage: 'decimal(5,2)',
    },
    sql: `SELECT i AS cc_call_center_sk, ${id('CC')} AS cc_call_center_id, DATE '1998-01-01' AS cc_rec_start_date, NULL::DATE AS cc_rec_end_date, NULL::BIGINT AS cc_closed_date_sk, ${FIRST_DAY} AS cc_open_date_sk, ['NY Metro', 'Mid Atlantic', 'North Midwest', 'Pacific'][i] AS cc_name, 'medium' AS cc_class, 100 AS cc_employees, 1000 AS cc_sq_ft, '8AM-4PM' AS cc_hours, 'Centre manager ' || i AS cc_manager, i AS cc_mkt_id, 'class' AS cc_mkt_class, 'market' AS cc_mkt_desc, 'manager' AS cc_market_manager, 1 AS cc_division, 'one' AS cc_division_name, 1 AS cc_company, 'company' AS cc_company_name, ${addressSql('cc', ['TN', 'GA'], '-5')}, 0.05 AS cc_tax_percentage FROM ${range(COUNTS.callCenters)}`,
  },
  {
    name: 'catalog_page',
    columns: { cp_catalog_page_sk: 'bigint', cp_catalog_page_id: 'varchar', cp_start_date_sk: 'bigint', cp_end_date_sk: 'bigint', cp_department: 'varchar', cp_catalog_number: 'integer', cp_catalog_page_number: 'integer', cp_description: 'varchar', cp_type: 'varchar' },
    sql: `SELECT i AS cp_catalog_page_sk, ${id('CP')} AS cp_catalog_page_id, ${DAY_1999} AS cp_start_date_sk, ${DAY_1999} + 900 AS cp_end_date_sk, 'DEPARTMENT' AS cp_department, 1 AS cp_catalog_number, i AS cp_catalog_page_number, 'page ' || i AS cp_description, 'monthly' AS cp_type FROM ${range(COUNTS.catalogPages)}`,
  },
  {
    name: 'web_page',
    columns: { wp_web_page_sk: 'bigint', wp_web_page_id: 'varchar', wp_rec_start_date: 'date', wp_rec_end_date: 'date', wp_creation_date_sk: 'bigint', wp_access_date_sk: 'bigint', wp_autogen_flag: 'varchar', wp_customer_sk: 'bigint', wp_url: 'varchar', wp_type: 'varchar', wp_char_count: 'integer', wp_link_count: 'integer', wp_image_count: 'integer', wp_max_ad_count: 'integer' },
    sql: `SELECT i AS wp_web_page_sk, ${id('WP')} AS wp_web_page_id, DATE '1997-09-03' AS wp_rec_start_date, NULL::DATE AS wp_rec_end_date, ${FIRST_DAY} AS wp_creation_date_sk, ${FIRST_DAY} AS wp_access_date_sk, 'N' AS wp_autogen_flag, NULL::BIGINT AS wp_customer_sk, 'http://example.com/' || i AS wp_url, 'general' AS wp_type, 4900 + 20 * i AS wp_char_count, 10 AS wp_link_count, 3 AS wp_image_count, 1 AS wp_max_ad_count FROM ${range(COUNTS.webPages)}`,
  },
  {
    name: 'web_site',
    columns: {
      web_site_sk: 'bigint', web_site_id: 'varchar', web_rec_start_date: 'date', web_rec_end_date: 'date', web_name: 'varchar',
      web_open_date_sk: 'bigint', web_close_date_sk: 'bigint', web_class: 'varchar', web_manager: 'varchar', web_mkt_id: 'integer',
      web_mkt_class: 'varchar', web_mkt_desc: 'varchar', web_market_manager: 'varchar', web_company_id: 'integer',
      web_company_name: 'varchar', ...addressColumns('web'), web_tax_percentage: 'decimal(5,2)',
    },
    sql: `SELECT i AS web_site_sk, ${id('WS', '(i + 1) // 2')} AS web_site_id, DATE '1997-08-16' AS web_rec_start_date, NULL::DATE AS web_rec_end_date, 'site_' || (i - 1) // 2 AS web_name, ${FIRST_DAY} AS web_open_date_sk, NULL::BIGINT AS web_close_date_sk, 'Unknown' AS web_class, 'manager' AS web_manager, i AS web_mkt_id, 'class' AS web_mkt_class, 'market' AS web_mkt_desc, 'manager' AS web_market_manager, i AS web_company_id, ['pri', 'able', 'ought', 'pri', 'ese', 'anti'][i] AS web_company_name, ${addressSql('web', ['TN', 'GA'], '-5')}, 0.05 AS web_tax_percentage FROM ${range(COUNTS.webSites)}`,
  },
]

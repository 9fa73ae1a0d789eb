import { defineSettings } from '../kernel/index.ts'

export const readQuerySettings = defineSettings('query', {
  memoryMegabytes: {
    env: 'MILLRACE_QUERY_MEMORY_MB',
    type: 'integer',
    default: 2048,
    least: 128,
    help: 'Most memory one query may use, in MB; beyond it the query fails with EXCEEDED_LOCAL_MEMORY_LIMIT.',
  },
  threads: {
    env: 'MILLRACE_QUERY_THREADS',
    type: 'integer',
    default: 2,
    least: 1,
    most: 256,
    help: 'Threads one query may use.',
  },
  cpuSeconds: {
    env: 'MILLRACE_QUERY_CPU_SECONDS',
    type: 'integer',
    default: 21_600,
    least: 1,
    help: 'Most processor time of one query, in seconds; beyond it the query fails with EXCEEDED_CPU_LIMIT.',
  },
  wallSeconds: {
    env: 'MILLRACE_QUERY_WALL_SECONDS',
    type: 'integer',
    default: 21_600,
    least: 1,
    help: 'Longest run of one query, in seconds; beyond it the query fails with EXCEEDED_TIME_LIMIT.',
  },
  tempMegabytes: {
    env: 'MILLRACE_QUERY_TEMP_MB',
    type: 'integer',
    default: 20_480,
    least: 16,
    help: 'Most temporary disk one query may use for what does not fit its memory, in MB; beyond it the query fails with EXCEEDED_SPILL_LIMIT.',
  },
  resultMegabytes: {
    env: 'MILLRACE_QUERY_RESULT_MB',
    type: 'integer',
    default: 51_200,
    least: 1,
    help: 'Largest result of one query as stored (compressed), in MB; beyond it the query fails with GENERIC_INSUFFICIENT_RESOURCES.',
  },
  writeMegabytes: {
    env: 'MILLRACE_QUERY_WRITE_MB',
    type: 'integer',
    default: 102_400,
    least: 1,
    help: 'Most disk that the files of one INSERT, CREATE TABLE AS or DELETE may take while they are written, in MB.',
  },
  ipCityFile: {
    env: 'MILLRACE_IP_CITY_FILE',
    type: 'optional-text',
    help: 'MaxMind file (.mmdb) of GeoIP2 or GeoLite2 City, or Country, which TD_IP_TO_* reads; without it they answer NULL.',
  },
  ipConnectionTypeFile: {
    env: 'MILLRACE_IP_CONNECTION_TYPE_FILE',
    type: 'optional-text',
    help: 'MaxMind file (.mmdb) of connection types, for TD_IP_TO_CONNECTION_TYPE; without it NULL.',
  },
  ipDomainFile: {
    env: 'MILLRACE_IP_DOMAIN_FILE',
    type: 'optional-text',
    help: 'MaxMind file (.mmdb) of domains, for TD_IP_TO_DOMAIN; without it NULL.',
  },
  countriesFile: {
    env: 'MILLRACE_COUNTRIES_FILE',
    type: 'optional-text',
    help: 'GeoJSON file of countries with the properties of Natural Earth, for TD_LAT_LONG_TO_COUNTRY; without it NULL.',
  },
  currencyRatesFile: {
    env: 'MILLRACE_CURRENCY_RATES_FILE',
    type: 'optional-text',
    help: 'CSV file of lines date,currency,rate (units per one of a base currency, the base itself with rate 1), for TD_CURRENCY_CONV; without it NULL.',
  },
})
export type QuerySettings = ReturnType<typeof readQuerySettings>

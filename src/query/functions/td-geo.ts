import { countryAt } from './countries.ts'
import { convert } from './currency-rates.ts'
import { type Call, type FunctionDefinition, scalar } from './define.ts'
import { duckType, textLiteral } from './duck-type.ts'
import { IP_FACTS, ipFact, ipSubdivisions } from './ip-database.ts'
import { pureFunction } from './javascript-helpers.ts'
import type { ReferenceFiles } from './reference-files.ts'
import type { JavaScriptFunction } from './types.ts'

/**
 * Functions that know the world from files of the operator's. Without its file such a function is NULL, and the job's log says
 * so once.
 */

const WHERE_SET: Record<keyof ReferenceFiles, string> = {
  ipCity: 'MILLRACE_IP_CITY_FILE',
  ipConnectionType: 'MILLRACE_IP_CONNECTION_TYPE_FILE',
  ipDomain: 'MILLRACE_IP_DOMAIN_FILE',
  countries: 'MILLRACE_COUNTRIES_FILE',
  currencyRates: 'MILLRACE_CURRENCY_RATES_FILE',
}

const withFile =
  (file: keyof ReferenceFiles, sql: (call: Call, path: string) => string) =>
  (call: Call): string => {
    const path = call.context.files?.[file]
    if (path !== undefined) return sql(call, textLiteral(path))
    call.context.warn?.(`${call.name} answers NULL: the setting ${WHERE_SET[file]} names no file`)
    return `CAST(NULL AS ${duckType(call.result)})`
  }

const OTHER_FILES: Record<string, keyof ReferenceFiles> = {
  domain: 'ipDomain',
  connection_type: 'ipConnectionType',
}

const facts = IP_FACTS.flatMap((fact) =>
  scalar(
    `td_ip_to_${fact}(varchar) -> varchar`,
    withFile(OTHER_FILES[fact] ?? 'ipCity', ({ args }, path) => `p_ip_fact(${args[0]}, ${path}, '${fact}')`),
  ),
)

export const definitions: FunctionDefinition[] = [
  ...facts,
  ...scalar(
    'td_ip_to_subdivision_names(varchar) -> array(varchar)',
    withFile('ipCity', ({ args }, path) => `p_ip_subdivisions(${args[0]}, ${path})`),
  ),
  ...scalar(
    'td_lat_long_to_country(varchar, double, double) -> varchar',
    withFile('countries', ({ args }, path) => `p_country_at(${args.join(', ')}, ${path})`),
  ),
  ...scalar(
    'td_currency_conv(varchar, varchar, varchar, double) -> varchar',
    withFile('currencyRates', ({ args }, path) => `p_currency(${args.join(', ')}, ${path})`),
  ),
]

export const javascript: JavaScriptFunction[] = [
  pureFunction('p_ip_fact(VARCHAR, VARCHAR, VARCHAR) -> VARCHAR', ipFact),
  pureFunction('p_ip_subdivisions(VARCHAR, VARCHAR) -> VARCHAR[]', ipSubdivisions),
  pureFunction('p_country_at(VARCHAR, DOUBLE, DOUBLE, VARCHAR) -> VARCHAR', countryAt),
  pureFunction('p_currency(VARCHAR, VARCHAR, VARCHAR, DOUBLE, VARCHAR) -> VARCHAR', convert),
]

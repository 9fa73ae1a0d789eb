/** What each function is for, in a sentence for the reference page. */
export const help: Record<string, string> = {
  td_currency_conv: 'A value in another currency by the rates of a day; needs the operator’s file of rates.',
  td_ip_to_city_name: 'City of an address, by the operator’s MaxMind City file.',
  td_ip_to_connection_type: 'How an address is connected, by the operator’s MaxMind Connection Type file.',
  td_ip_to_country_code: 'Two-letter code of an address’s country, by the operator’s MaxMind City file.',
  td_ip_to_country_name: 'Country of an address, by the operator’s MaxMind City file.',
  td_ip_to_domain: 'Second-level domain of an address, by the operator’s MaxMind Domain file.',
  td_ip_to_latitude: 'Latitude of an address, by the operator’s MaxMind City file.',
  td_ip_to_least_specific_subdivision_name:
    'Largest region an address is in, by the operator’s MaxMind City file.',
  td_ip_to_longitude: 'Longitude of an address, by the operator’s MaxMind City file.',
  td_ip_to_metro_code: 'Metro code of an address in the United States, by the operator’s MaxMind City file.',
  td_ip_to_most_specific_subdivision_name:
    'Smallest region an address is in, by the operator’s MaxMind City file.',
  td_ip_to_postal_code: 'Postal code of an address, by the operator’s MaxMind City file.',
  td_ip_to_subdivision_names: 'Regions an address is in, largest first, by the operator’s MaxMind City file.',
  td_ip_to_time_zone: 'Time zone of an address, by the operator’s MaxMind City file.',
  td_lat_long_to_country:
    'Name of the country at a latitude and longitude; needs the operator’s file of shapes.',
}

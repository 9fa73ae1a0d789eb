/** What each function is for, in a sentence for the reference page. */
export const help: Record<string, string> = {
  td_date_trunc:
    'The second at which the unit (minute, hour, day, week, month, quarter, year) that holds a time began in a zone.',
  td_interval:
    'Whether a time lies in a range relative to the scheduled time, such as -1d or -7d/now; narrows what is read.',
  td_interval_range: 'The two ends of a range that TD_INTERVAL would test.',
  td_scheduled_execution_time: 'Another name of td_scheduled_time.',
  td_scheduled_time: 'The time for which the job was scheduled, else that at which it was issued.',
  td_time_add: 'A time plus a duration of weeks, days, hours, minutes and seconds, such as 1d or -2h.',
  td_time_format: 'A time by a pattern of SimpleDateFormat on the clocks of a zone.',
  td_time_parse: 'The unix time of a date or date and time in a zone, NULL for a text that is none.',
  td_time_range: 'Whether a time is at or after the first bound and before the second; narrows what is read.',
  td_time_string: 'A time in the short form of a unit: d! prints the day, d its beginning with the offset.',
}

/** What each function is for, in a sentence for the reference page. */
export const help: Record<string, string> = {
  td_parse_agent:
    'System, vendor, system version, name, category and version of a User-Agent, by woothee; `UNKNOWN` for what it does not say.',
  td_parse_user_agent:
    'A User-Agent by the patterns of uap-core, as JSON, or a part of it: os, os_family, os_major, os_minor, ua, ua_family, ua_major, ua_minor, device.',
}

/** What each function is for, in a sentence for the reference page. */
export const help: Record<string, string> = {
  url_decode: 'The text that was encoded by url_encode.',
  url_encode: 'The text escaped so that it can be the name or value of a parameter in a query string.',
  url_extract_fragment: 'What stands behind # in a URL.',
  url_extract_host: 'The host of a URL.',
  url_extract_parameter: 'The value of the first parameter of that name in the query string of a URL.',
  url_extract_path: 'The path of a URL.',
  url_extract_port: 'The port number of a URL.',
  url_extract_protocol: 'The protocol of a URL.',
  url_extract_query: 'The query string of a URL, unescaped.',
}

import { createServer } from 'node:http'
import { channelOn } from '../../kernel/index.ts'
import { INHERITED_SOCKET_FD } from '../listeners.ts'

/** A child for the supervisor's tests: answers over its inherited socket, talks, drains, or hangs when told to. */
const [name, behaviour] = process.argv.slice(2)
const channel = channelOn(process)
const server = createServer((_request, response) => response.end(`${name} ${process.pid}`))
channel.on('alive', () => true)
channel.on('hello', (body, from) => `${name} heard ${String(body)} from ${from}`)
channel.on('ask-other', (body) => channel.ask('hello', 'a question', { to: String(body), timeoutMs: 2_000 }))
channel.on('drain', () => {
  if (behaviour === 'never-drains') return
  console.log(JSON.stringify({ level: 30, process: name, msg: 'drained' }))
  process.exit(0)
})
channel.onClose(() => process.exit(0))
if (behaviour === 'dies-at-start') process.exit(3)
if (behaviour === 'serves') server.listen({ fd: INHERITED_SOCKET_FD }, () => channel.notify('ready'))
else channel.notify('ready')

import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { withRetries } from '../clients/java-support.ts'
import { freePorts } from './ports.ts'

const project = 'test/peers/kafka'
const run = promisify(execFile)

export type Kafka = {
  /** Seconds of each round: all bodies sent to a new topic, so many in flight, all acknowledged. */
  produce(topic: string, bodies: Buffer[], inFlight: number, rounds: number): Promise<number[]>
  stop(): Promise<void>
}

/**
 * A broker from Maven Central, one node, one partition. `syncEvery`: every batch is forced to disk before it is acknowledged,
 * which is what our 200 means; without it, Kafka's default leaves that to the system (and to replicas).
 */
export async function startKafka(room: string, { syncEvery }: { syncEvery: boolean }): Promise<Kafka> {
  const home = join(room, syncEvery ? 'kafka-synced' : 'kafka')
  mkdirSync(home, { recursive: true })
  const classPathFile = join(home, 'classpath')
  withRetries(() =>
    execFileSync(
      'mvn',
      ['-q', '-B', '-f', project, 'dependency:build-classpath', `-Dmdep.outputFile=${classPathFile}`],
      {
        stdio: 'pipe',
      },
    ),
  )
  const classPath = `${home}:${readFileSync(classPathFile, 'utf8')}`
  execFileSync(
    'javac',
    ['-nowarn', '-d', home, '-cp', classPath, `${project}/src/main/java/millrace/Produce.java`],
    {
      stdio: 'pipe',
    },
  )
  const [port, controller] = await freePorts(2)
  const settings = join(home, 'server.properties')
  writeFileSync(settings, settingsOf(home, port!, controller!, syncEvery))
  await run('java', [
    '-cp',
    classPath,
    'kafka.tools.StorageTool',
    'format',
    '-t',
    'MkU3OEVBNTcwNTJENDM2Qg',
    '-c',
    settings,
  ])
  const broker = spawn('java', ['-Xmx1g', '-cp', classPath, 'kafka.Kafka', settings], { stdio: 'ignore' })
  await untilListening(port!, broker)
  return {
    async produce(topic, bodies, inFlight, rounds) {
      const file = join(home, 'bodies')
      writeBodies(file, bodies)
      const { stdout } = await run('java', [
        '-cp',
        classPath,
        'millrace.Produce',
        `127.0.0.1:${port}`,
        topic,
        file,
        String(inFlight),
        String(rounds),
      ])
      return JSON.parse(stdout.trim().split('\n').at(-1)!)
    },
    async stop() {
      broker.kill('SIGKILL')
      if (broker.exitCode === null && broker.signalCode === null) await once(broker, 'exit')
      rmSync(home, { recursive: true, force: true })
    },
  }
}

function settingsOf(home: string, port: number, controller: number, syncEvery: boolean): string {
  return Object.entries({
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@127.0.0.1:${controller}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controller}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': join(home, 'data'),
    'num.partitions': 1,
    'offsets.topic.replication.factor': 1,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'message.max.bytes': 32 << 20,
    'replica.fetch.max.bytes': 32 << 20,
    ...(syncEvery ? { 'log.flush.interval.messages': 1 } : {}),
  })
    .map(([name, value]) => `${name}=${value}`)
    .join('\n')
}

function writeBodies(file: string, bodies: Buffer[]): void {
  const fd = openSync(file, 'w')
  for (const body of bodies) {
    const length = Buffer.alloc(4)
    length.writeInt32BE(body.length)
    writeSync(fd, length)
    writeSync(fd, body)
  }
}

async function untilListening(port: number, broker: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    if (broker.exitCode !== null) throw new Error(`the broker ended with ${broker.exitCode}`)
    if (await accepts(port)) return
    await pause(100)
  }
  throw new Error('the broker did not listen within a minute')
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const settle = (up: boolean) => {
      socket.destroy()
      resolve(up)
    }
    socket.once('connect', () => settle(true)).once('error', () => settle(false))
  })
}

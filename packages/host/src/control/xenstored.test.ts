import { execFile, execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Random } from '@netaccel/packet'
import { HEADER_BYTES, PAYLOAD_MAX, XS } from '@netaccel/xen'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { build } from '../build/build.js'
import type { World } from '../build/world.js'
import { startTraffic, type Traffic } from '../traffic/start-traffic.js'
import { twoHosts } from '../trial/two-hosts.js'
import { storeSocketName, XenstoredSocket } from './xenstored.js'

const folder = mkdtempSync(join(tmpdir(), 'netaccel-store-'))
const runDir = join(folder, 'run')

let world: World
let traffic: Traffic
let sockets: XenstoredSocket[]
let running: Promise<void>
let stopped = false

beforeAll(async () => {
  world = await build(twoHosts())
  traffic = startTraffic(world, 'a.guest1.vif0', 'b.guest1.vif0', { burst: 2, gapNs: 5_000_000 })
  sockets = await XenstoredSocket.openAll(world, runDir)
  running = world.keepRunning({ until: () => stopped })
})

afterAll(async () => {
  stopped = true
  await running
  for (const socket of sockets) await socket.close()
  expect(readdirSync(runDir)).toEqual([])
  await traffic.stop()
  expect(await world.drain()).toBe(true)
  expect(world.judge().verdict).toBe('nothing lost')
  for (const host of world.hosts.values()) expect(host.hypervisor.xenstored.tree.isConsistent()).toBe(true)
  await world.close()
  rmSync(folder, { recursive: true })
})

/** A message's bytes; '|' stands for NUL. */
function message(type: number, payload: string, transaction = 0, length?: number): Buffer {
  const body = Buffer.from(payload.replaceAll('|', '\0'))
  const header = Buffer.alloc(HEADER_BYTES)
  const words = [type, 7, transaction, length ?? body.length]
  for (const [at, word] of words.entries()) header.writeUInt32LE(word, at * 4)
  return Buffer.concat([header, body])
}

class Client {
  readonly socket: Socket
  readonly closed: Promise<void>
  #bytes = Buffer.alloc(0)
  #wanted: (() => void) | undefined

  constructor(path = sockets[0].path) {
    this.socket = connect(path)
    this.socket.on('error', () => this.socket.destroy())
    this.socket.on('data', (chunk: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk])
      this.#wanted?.()
    })
    this.closed = new Promise((resolve) => {
      this.socket.on('close', () => {
        resolve()
        this.#wanted?.()
      })
    })
  }

  /** The next message: '!ENOENT', '*path|token|' for an event; 'closed' when the connection is. */
  async next(): Promise<string> {
    for (;;) {
      const length = this.#bytes.length < HEADER_BYTES ? Infinity : this.#bytes.readUInt32LE(12)
      if (this.#bytes.length >= HEADER_BYTES + length) {
        const type = this.#bytes.readUInt32LE(0)
        const text = this.#bytes
          .subarray(HEADER_BYTES, HEADER_BYTES + length)
          .toString()
          .replaceAll('\0', '|')
        this.#bytes = this.#bytes.subarray(HEADER_BYTES + length)
        return type === XS.ERROR ? `!${text.slice(0, -1)}` : type === XS.WATCH_EVENT ? `*${text}` : text
      }
      if (this.socket.destroyed) return 'closed'
      await new Promise<void>((resolve) => (this.#wanted = resolve))
    }
  }

  ask(type: number, payload: string, transaction = 0): Promise<string> {
    this.socket.write(message(type, payload, transaction))
    return this.next()
  }

  async end(): Promise<void> {
    this.socket.destroy()
    await this.closed
  }
}

describe('xenstored.sock', () => {
  it('is one for each host, and the owner’s alone', () => {
    expect(sockets.map(({ path }) => path)).toEqual([
      join(runDir, 'xenstored-a.sock'),
      join(runDir, 'xenstored-b.sock'),
    ])
    for (const { path } of sockets) expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(storeSocketName({ hosts: new Map([['a', {}]]) } as unknown as World, 'a')).toBe('xenstored.sock')
  })

  it('answers a client of domain 0 in the words of the protocol', async () => {
    const client = new Client()
    expect(await client.ask(XS.READ, '/local/domain/1/name|')).toBe('guest1')
    expect(await client.ask(XS.DIRECTORY, '/local/domain|')).toBe('0|1|')
    expect(await client.ask(XS.READ, '/no/such|')).toBe('!ENOENT')
    expect(await client.ask(XS.GET_DOMAIN_PATH, '1|')).toBe('/local/domain/1|')
    expect(await client.ask(XS.WATCH, '/tool|token|')).toBe('OK|')
    expect(await client.next()).toBe('*/tool|token|')
    const transaction = Number.parseInt(await client.ask(XS.TRANSACTION_START, '|'), 10)
    expect(await client.ask(XS.WRITE, '/tool/x|value', transaction)).toBe('OK|')
    expect(await client.ask(XS.READ, '/tool/x|')).toBe('!ENOENT')
    // The daemon tells the writer of its own change before it answers.
    expect(await client.ask(XS.TRANSACTION_END, 'T|', transaction)).toBe('*/tool/x|token|')
    expect(await client.next()).toBe('OK|')
    expect(await client.ask(XS.UNWATCH, '/tool|token|')).toBe('OK|')
    expect(await client.ask(XS.SET_PERMS, '/tool/x|n0|r1|')).toBe('OK|')
    expect(await client.ask(XS.GET_PERMS, '/tool/x|')).toBe('n0|r1|')
    expect(await client.ask(XS.MKDIR, '/tool/x/y|')).toBe('OK|')
    expect(await client.ask(XS.RM, '/tool|')).toBe('OK|')
    expect(await client.ask(XS.CONTROL, 'check|')).toBe('OK|')
    expect(await client.ask(XS.RELEASE, '1|')).toBe('!EACCES')
    await client.end()
  })

  it('reaches the drivers: a key that a client writes is acted on', async () => {
    const client = new Client()
    const module = '/local/domain/1/control/accel-module/no_such'
    expect(await client.ask(XS.WATCH, `${module}/state|t|`)).toBe('OK|')
    await client.next()
    expect(await client.ask(XS.WRITE, `${module}|load`)).toBe('OK|')
    expect(await client.next()).toBe(`*${module}/state|t|`)
    expect(await client.ask(XS.READ, `${module}/state|`)).toMatch(
      /^failed:NOT_LOADED:the catalogue of this domain/,
    )
    await client.end()
  })
})

const tools = existsSync('/usr/bin/xenstore-ls')

// Debian's package xenstore-utils; the bytes are checked above.
describe.runIf(tools)('the standard tools', () => {
  const run = async (tool: string, ...words: string[]): Promise<string> => {
    const env = { ...process.env, XENSTORED_PATH: sockets[0].path }
    return (await promisify(execFile)(`/usr/bin/xenstore-${tool}`, words, { env })).stdout.trim()
  }

  it('read, write, list and watch', async () => {
    expect(await run('read', '/local/domain/1/name', 'domid')).toBe('guest1\n0')
    await run('write', '/tool/of/tools', 'said')
    expect(await run('ls', '-f', '/tool')).toBe('/tool/of = ""\n/tool/of/tools = "said"')
    expect(await run('list', '/local/domain')).toBe('0\n1')
    let heard = ''
    const watching = run('watch', '-n', '2', '/tool/of/tools').then((said) => (heard = said))
    // Nobody says when the tool has set its watch, so the second event is made again and again.
    while (heard === '') await run('write', '/tool/of/tools', 'again')
    expect(await watching).toBe('/tool/of/tools\n/tool/of/tools')
    await run('chmod', '/tool/of', 'r1')
    await run('rm', '/tool')
    await expect(run('exists', '/tool')).rejects.toMatchObject({ code: 1 })
  })
})

describe('a hostile client', () => {
  /** What the store says to another client. */
  async function another(): Promise<string> {
    const other = new Client()
    const answer = await other.ask(XS.READ, '/local/domain/1/name|')
    await other.end()
    return answer
  }

  it('that says more than a message may hold is cut off', async () => {
    for (const length of [PAYLOAD_MAX + 1, 0x7fffffff, 0xffffffff]) {
      const client = new Client()
      client.socket.write(message(XS.READ, '/|', 0, length))
      expect(await client.next()).toBe('closed')
    }
    expect(await another()).toBe('guest1')
  })

  it('that sends garbage gets errors, or is cut off', async () => {
    const random = new Random('garbage')
    for (let trial = 0; trial < 20; trial++) {
      const client = new Client()
      const bytes = Buffer.from(Array.from({ length: 1 + random.below(400) }, () => random.below(256)))
      if (trial % 2 === 0) bytes.writeUInt32LE(0, Math.min(12, Math.max(0, bytes.length - 4)))
      client.socket.end(bytes)
      await client.closed
    }
    expect(await another()).toBe('guest1')
  })

  it('that trickles, or vanishes in the middle of a message, harms nobody', async () => {
    const slow = new Client()
    for (const byte of message(XS.READ, '/local/domain/1/name|')) {
      slow.socket.write(Uint8Array.of(byte))
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(await slow.next()).toBe('guest1')
    slow.socket.write(message(XS.WRITE, '/tool/never|').subarray(0, 20))
    await slow.end()
    expect(await another()).toBe('guest1')
  })

  it('that sets watches without end is stopped, and they go with it', async () => {
    const client = new Client()
    const watches = Array.from({ length: 3000 }, (_, n) => message(XS.WATCH, `/w|${n}|`))
    client.socket.write(Buffer.concat(watches))
    let last = ''
    let refused = 0
    for (let answers = 0; answers < 3000;) {
      last = await client.next()
      if (!last.startsWith('*')) answers += 1
      if (last === '!E2BIG') refused += 1
    }
    expect([last, refused]).toEqual(['!E2BIG', 3000 - 1024])
    await client.end()
    expect(await another()).toBe('guest1')
  })

  it('that asks for much and reads nothing waits by itself', async () => {
    const client = new Client()
    client.socket.pause()
    for (let n = 0; n < 3000; n++) client.socket.write(message(XS.DIRECTORY, '/local/domain/1|'))
    expect(await another()).toBe('guest1')
    client.socket.resume()
    for (let n = 0; n < 3000; n++) expect(await client.next()).toContain('device|')
    await client.end()
  })

  it('is not let in beside 64 others', async () => {
    const many = Array.from({ length: 80 }, () => new Client(sockets[1].path))
    const answers = await Promise.all(many.map((client) => client.ask(XS.READ, '/local/domain/1/name|')))
    const served = answers.filter((answer) => answer === 'guest1').length
    expect([served, answers.filter((answer) => answer === 'closed').length]).toEqual([64, 16])
    await Promise.all(many.map((client) => client.end()))
  })
})

describe('the socket', () => {
  it('of a live host is refused, of a dead one replaced and told', async () => {
    const host = world.host('a')
    await expect(XenstoredSocket.open(host, sockets[0].path)).rejects.toMatchObject({ code: 'HOST_RUNS' })
    const path = join(folder, 'other', 'xenstored.sock')
    const first = await XenstoredSocket.open(host, path)
    expect(first.replaced).toBe(false)
    await first.close()
    const script = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`
    expect(() => execFileSync(process.execPath, ['-e', script], { stdio: 'ignore' })).toThrow(
      'Command failed',
    )
    expect(existsSync(path)).toBe(true)
    const second = await XenstoredSocket.open(host, path)
    expect(second.replaced).toBe(true)
    await second.close()
    expect(existsSync(path)).toBe(false)
  })

  it('is not made where something else is', async () => {
    const path = join(folder, 'other', 'file')
    writeFileSync(path, 'mine')
    await expect(XenstoredSocket.open(world.host('a'), path)).rejects.toMatchObject({ code: 'BAD_RUN_DIR' })
    expect(existsSync(path)).toBe(true)
  })
})

import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Random } from '@netaccel/packet'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { HostConnection, type Stream } from './host-connection.js'
import { MOST_LINE } from './host-protocol.js'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

let folder = ''
let path = ''
let server: Server
let clients = 0
/** Connections that the server has met, and those that were made: it may meet one that has gone already. */
let met = 0
let made = 0
/** The streams that clients have begun and not ended, by the request's id. */
const streams = new Map<number | string, Stream>()

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'netaccel-connection-'))
  path = join(folder, 'test.sock')
  clients = 0
  streams.clear()
  server = createServer({ allowHalfOpen: true }, (socket) => {
    clients += 1
    met += 1
    const client = new HostConnection(socket, answer, () => (clients -= 1))
    expect(client).toBeDefined()
  })
  await new Promise<void>((resolve) => void server.listen(path, resolve))
})

afterEach(async () => {
  await new Promise((resolve) => server.close(resolve))
  rmSync(folder, { recursive: true })
})

/** `echo` answers with its parameters, `hang` never does, `stream` until it is ended. */
async function answer(
  { id, method, params }: { id: number | string; method: string; params: object },
  stream: Stream,
): Promise<unknown> {
  if (method === 'echo') return params
  if (method === 'fail') throw new Error('it went wrong')
  streams.set(id, stream)
  await new Promise<void>((resolve) => stream.signal.addEventListener('abort', () => resolve()))
  streams.delete(id)
  return { ended: true }
}

/** A client that keeps every line it is sent. */
class Client {
  readonly socket: Socket
  text = ''
  ended = false

  constructor() {
    this.socket = connect(path)
    made += 1
    this.socket.on('data', (chunk: Buffer) => (this.text += chunk.toString()))
    this.socket.on('end', () => (this.ended = true))
    this.socket.on('error', () => undefined)
  }

  get lines(): Record<string, unknown>[] {
    return this.text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Record<string, unknown>)
  }

  /** Wait for as many lines. */
  async say(text: string, lines: number): Promise<Record<string, unknown>[]> {
    this.socket.write(text)
    while (this.lines.length < lines) await turn()
    return this.lines
  }

  async left(): Promise<void> {
    this.socket.destroy()
    while (met < made || clients > 0) await turn()
  }
}

const REFUSALS: [string, string, number | string | null][] = [
  ['not JSON', 'it is not JSON', null],
  ['[1]', 'a request is an object', null],
  ['{"method":"echo"}', '"id" must be', null],
  ['{"id":1.5,"method":"echo"}', '"id" must be', null],
  ['{"id":7,"method":3}', '"method" must be', 7],
  ['{"id":"a","method":"echo","params":[]}', '"params" must be', 'a'],
]

describe('one line, one answer', () => {
  it('answers each request, whatever way it was cut', async () => {
    const client = new Client()
    await client.say('{"id":1,"method":"echo","params":{"x":1}}\n{"id":"two","me', 1)
    const lines = await client.say('thod":"echo"}\n\n{"id":3,"method":"fail"}\n', 3)
    expect(lines).toEqual([
      { id: 1, result: { x: 1 } },
      { id: 'two', result: {} },
      { id: 3, error: { code: 'FAILED', message: 'it went wrong' } },
    ])
    await client.left()
  })

  it.each(REFUSALS)('refuses %s in one sentence, and goes on', async (line, sentence, id) => {
    const client = new Client()
    const [refusal, next] = await client.say(`${line}\n{"id":9,"method":"echo"}\n`, 2)
    expect(refusal).toMatchObject({ id, error: { code: 'BAD_REQUEST' } })
    expect((refusal['error'] as { message: string }).message).toContain(sentence)
    expect(next).toEqual({ id: 9, result: {} })
    await client.left()
  })

  it('answers a client that says no more', async () => {
    const client = new Client()
    client.socket.end('{"id":1,"method":"echo"}\n')
    while (!client.ended) await turn()
    expect(client.lines).toEqual([{ id: 1, result: {} }])
    await client.left()
  })
})

describe('bounds', () => {
  it('ends a connection whose line has no end', async () => {
    const client = new Client()
    client.socket.write('x'.repeat(MOST_LINE + 1))
    while (!client.ended) await turn()
    expect(client.lines).toMatchObject([{ id: null, error: { code: 'BAD_REQUEST' } }])
    await client.left()
  })

  it('takes a line of the greatest length', async () => {
    const client = new Client()
    const line = JSON.stringify({ id: 1, method: 'echo', params: { x: '' } })
    const long = line.replace('""', `"${'y'.repeat(MOST_LINE - line.length)}"`)
    expect(await client.say(`${long}\n`, 1)).toMatchObject([{ id: 1, result: {} }])
    await client.left()
  })

  it('has a few requests of one client under way, and each id once', async () => {
    const client = new Client()
    const hang = (id: number): string => `{"id":${id},"method":"hang"}\n`
    const many = Array.from({ length: 17 }, (_, id) => hang(id)).join('')
    expect(await client.say(hang(0) + many, 2)).toMatchObject([
      { id: 0, error: { code: 'BUSY' } },
      { id: 16, error: { code: 'BUSY' } },
    ])
    await client.left()
    expect(streams.size).toBe(0)
  })

  it('leaves items out for a client that does not read, and takes no more from it', async () => {
    const client = new Client()
    client.socket.write('{"id":1,"method":"stream"}\n')
    while (streams.size === 0) await turn()
    client.socket.pause()
    const [stream] = streams.values()
    const item = 'z'.repeat(100_000)
    let sent = 0
    while (stream.send(item) && sent < 1000) sent += 1
    // The bound is a mebibyte, and what the system keeps for a socket.
    expect(sent).toBeLessThan(100)
    client.socket.resume()
    while (client.lines.length < sent) await turn()
    expect(stream.send('again')).toBe(true)
    await client.left()
  })
})

describe('streams', () => {
  it('end by cancel, with a result', async () => {
    const client = new Client()
    client.socket.write('{"id":1,"method":"stream"}\n')
    while (streams.size === 0) await turn()
    for (const stream of streams.values()) stream.send({ n: 1 })
    const lines = await client.say('{"id":2,"method":"cancel","params":{"id":1}}\n', 3)
    expect(lines).toEqual([
      { id: 1, item: { n: 1 } },
      { id: 2, result: {} },
      { id: 1, result: { ended: true } },
    ])
    await client.left()
  })

  it('end with a client that vanishes, and what is sent to it afterwards goes nowhere', async () => {
    const client = new Client()
    client.socket.write('{"id":1,"method":"stream"}\n')
    while (streams.size === 0) await turn()
    const [stream] = streams.values()
    client.socket.destroy()
    while (!stream.signal.aborted) await turn()
    expect(stream.send('too late')).toBe(false)
    await client.left()
  })
})

const PIECES = [
  '{"id":1,"method":"echo"}\n',
  '{"id":2,"method":"stream"}\n',
  '{"id":3,"method":"hang","params":{"a":[1,2]}}\n',
  '{"id":4,"method":"cancel","params":{"id":2}}\n',
  '{"id":5,"method":"cancel"}\n',
  '{"id":',
  '\n',
  '\0\u00ff',
  '{'.repeat(5000),
  'x'.repeat(MOST_LINE),
]

it('outlives clients that say anything and leave at any moment (seed 1)', async () => {
  const random = new Random(1)
  for (let round = 0; round < 60; round += 1) {
    const client = new Client()
    for (let say = random.below(8); say > 0; say -= 1) {
      const piece = PIECES[random.below(PIECES.length)]
      client.socket.write(random.below(3) === 0 ? piece.slice(0, random.below(piece.length)) : piece)
      if (random.below(2) === 0) await turn()
    }
    if (random.below(2) === 0) client.socket.end()
    await turn()
    await client.left()
  }
  expect([clients, streams.size]).toEqual([0, 0])
  const good = new Client()
  expect(await good.say('{"id":1,"method":"echo"}\n', 1)).toEqual([{ id: 1, result: {} }])
  await good.left()
})

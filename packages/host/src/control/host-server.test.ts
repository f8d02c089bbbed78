// Proofs collect garbage (gc), so this file has a process of its own.
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { build } from '../build/build.js'
import type { World } from '../build/world.js'
import { frameLine, type FrameWay } from '../trace/frame-line.js'
import { startTraffic, type Traffic } from '../traffic/start-traffic.js'
import type { WorldValue } from '../value/world-value.js'
import { HostClient, HostRefusal } from './host-client.js'
import type { HostStatus } from './host-methods.js'
import type { LoadReport, UnloadReport, UpgradeReport } from './host-plugins.js'
import { openRunDirectory, probeSocket, runDirectoryOf, runningHosts, runRoot } from './host-run-directory.js'
import { HostServer } from './host-server.js'

const PLUGIN = fileURLToPath(new URL('../../../accel-solarflare-sim', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'netaccel-host-'))
const runDir = join(folder, 'run')
const VIFS = ['a.guest1.vif0', 'b.guest1.vif0']

function host(nic: string, mac: string) {
  return {
    nics: { eth0: { mac: nic } },
    guests: { guest1: { vifs: { vif0: { mac, accel: 'eth0' } } } },
    links: ['guest1.vif0 -> bridge', 'eth0 -> bridge'],
  }
}

const value: WorldValue = {
  hosts: {
    a: host('00:0f:53:00:00:0a', '00:16:3e:00:00:01'),
    b: host('00:0f:53:00:00:0b', '00:16:3e:00:00:02'),
  },
  wires: ['a.eth0 -> b.eth0'],
}

let world: World
let traffic: Traffic
let server: HostServer
let client: HostClient
let running: Promise<void>
let stopped = false

beforeAll(async () => {
  world = await build(value)
  traffic = startTraffic(world, VIFS[0], VIFS[1], { burst: 4, gapNs: 2_000_000 })
  server = await HostServer.open({
    world,
    name: 'test',
    project: folder,
    runDir,
    stop: () => (stopped = true),
  })
  running = world.keepRunning({ until: () => stopped })
  client = await HostClient.open(runDir)
})

afterAll(async () => {
  stopped = true
  await running
  client.close()
  await server.close()
  expect(existsSync(server.path)).toBe(false)
  await traffic.stop()
  expect(await world.drain()).toBe(true)
  expect(world.judge().verdict).toBe('nothing lost')
  await world.close()
  rmSync(folder, { recursive: true })
})

async function refusal(method: string, params: Record<string, unknown> = {}): Promise<HostRefusal> {
  const refused: unknown = await client.request(method, params).catch((error: unknown) => error)
  expect(refused).toBeInstanceOf(HostRefusal)
  return refused as HostRefusal
}

describe('the run directory', () => {
  it('and its socket are the owner’s alone', () => {
    expect([statSync(runDir).mode & 0o777, statSync(server.path).mode & 0o777]).toEqual([0o700, 0o600])
  })

  it('is refused when others may enter it, when it is no folder, or when its path is too long', () => {
    const open = join(folder, 'open')
    mkdirSync(open, { mode: 0o755 })
    expect(() => openRunDirectory(open)).toThrow('can be entered by others')
    expect(() => openRunDirectory('/dev/null/run')).toThrow('cannot be made')
    expect(() => openRunDirectory(join(folder, 'x'.repeat(108)))).toThrow('longer than the 107 bytes')
    symlinkSync(runDir, join(folder, 'link'))
    expect(() => openRunDirectory(join(folder, 'link'))).toThrow('no folder of its own')
    expect(() => runDirectoryOf('../x')).toThrow('cannot be the name of a host')
    expect(runDirectoryOf('two-hosts')).toBe(join(runRoot(), 'two-hosts'))
  })

  it('of a host that runs is refused to another, and found', async () => {
    const second = HostServer.open({ world, name: 'test', project: folder, runDir, stop: () => undefined })
    await expect(second).rejects.toMatchObject({ code: 'HOST_RUNS' })
    expect(await runningHosts(folder)).toEqual([{ name: 'run', runDir }])
  })

  it('of a host that died has its socket replaced', async () => {
    const dead = join(openRunDirectory(join(folder, 'dead')), 'host.sock')
    // Only a process that ends leaves a socket that nobody listens at: here it is moved away before its server ends.
    const gone = createServer()
    await new Promise<void>((resolve) => void gone.listen(dead, resolve))
    renameSync(dead, `${dead}.kept`)
    await new Promise((resolve) => gone.close(resolve))
    renameSync(`${dead}.kept`, dead)
    expect(await probeSocket(dead)).toBe('dead')
    const runDirOfDead = join(folder, 'dead')
    await expect(HostClient.open(runDirOfDead)).rejects.toMatchObject({
      code: 'NO_HOST',
      message: expect.stringContaining('has ended without removing its socket') as string,
    })
    const next = await HostServer.open({
      world,
      name: 'dead',
      project: folder,
      runDir: runDirOfDead,
      stop: () => undefined,
    })
    expect(next.replaced).toBe(true)
    await next.close()
    await expect(HostClient.open(runDirOfDead)).rejects.toThrow('No host is running')
  })
})

describe('what cannot be done is one sentence', () => {
  it.each<[string, Record<string, unknown>, string, string]>([
    ['lood', {}, 'NO_METHOD', 'There is no method "lood"; there are status, '],
    ['status', { x: 1 }, 'BAD_REQUEST', 'status has no parameter "x"; it has none.'],
    ['load', {}, 'BAD_REQUEST', 'load needs the parameter "plugin", a text.'],
    ['load', { plugin: 5 }, 'BAD_REQUEST', '"plugin" must be a text'],
    ['load', { plugin: 'x', hosts: [1] }, 'BAD_REQUEST', '"hosts" must be a list of texts'],
    ['top', { count: -1 }, 'BAD_REQUEST', '"count" must be a number that is not below 0'],
    ['load', { plugin: PLUGIN, hosts: ['c'] }, 'NO_SUCH_PART', 'There is no host "c"'],
    ['load', { plugin: '/nowhere' }, 'NO_SUCH_PART', '/nowhere'],
    ['unload', { plugin: 'nobody' }, 'NO_SUCH_PART', 'nobody is not loaded; loaded: '],
    ['attach', { vif: 'a.guest1.vif9', port: 'eth0' }, 'NO_SUCH_PART', 'There is no vif "a.guest1.vif9"'],
    ['attach', { vif: VIFS[0], port: 'eth9' }, 'NO_SUCH_PART', 'There is no port "eth9" for a.guest1.vif0'],
    ['detach', { vif: 'b' }, 'NO_SUCH_PART', 'There is no vif "b"'],
    ['trace', { pcap: '/dev/null/x' }, 'BAD_VALUE', 'No capture can be written in /dev/null/x'],
  ])('%s %j', async (method, params, code, sentence) => {
    const refused = await refusal(method, params)
    expect(refused.code).toBe(code)
    expect(refused.message).toContain(sentence)
  })

  it('names what there is, for who would suggest the nearest', async () => {
    expect((await refusal('detach', { vif: 'a.guest1.vif1' })).choice).toEqual({
      given: 'a.guest1.vif1',
      known: VIFS,
    })
  })
})

describe('a running host', () => {
  it('loads, attaches, detaches and unloads under traffic, and says where each vif stands', async () => {
    const loaded = await client.request<LoadReport>('load', { plugin: PLUGIN })
    const places = ['a.driver', 'b.driver', 'a.guest1', 'b.guest1']
    expect(loaded).toMatchObject({ name: 'sfc_netfront', version: '0.1.0', vifs: VIFS, places })
    const { vifs } = await client.request<HostStatus>('status')
    expect(vifs.map(({ phase, port, accelerator }) => [phase, port, accelerator])).toEqual([
      ['active', 'eth0', 'sfc_netfront'],
      ['active', 'eth0', 'sfc_netfront'],
    ])
    const [vif] = VIFS
    expect(await client.request('detach', { vif })).toMatchObject({ phase: 'none', port: null })
    expect(await client.request('attach', { vif, port: 'eth0' })).toMatchObject({ phase: 'active' })
    const { proof, ...left } = await client.request<UnloadReport>('unload', { plugin: PLUGIN, prove: true })
    expect(left).toMatchObject({ name: 'sfc_netfront', forced: false })
    expect(left.halves.map(({ place }) => place).toSorted()).toEqual(places.toSorted())
    expect(proof).toEqual({ proven: 4, leaked: [] })
    expect(await client.request('list')).toEqual({ project: folder, plugins: [], broken: [], halves: [] })
    // Nobody opens the port now: the key stands, and the vif goes on by the ring.
    expect(await client.request('attach', { vif, port: 'eth0' })).toMatchObject({
      phase: 'none',
      accelerator: null,
    })
  })

  it('does what several clients ask at once in turn, and what one of them asked also when it has gone', async () => {
    const [other, third] = await Promise.all([HostClient.open(runDir), HostClient.open(runDir)])
    const [vif] = VIFS
    const done: string[] = []
    const ask = (of: HostClient, method: string, params: Record<string, unknown>) =>
      of.request(method, params).then((answer) => {
        done.push(method)
        return answer
      })
    const load = ask(client, 'load', { plugin: PLUGIN })
    // The host has taken it up.
    await client.request('status')
    const detach = ask(other, 'detach', { vif })
    await other.request('status')
    const attach = third.request('attach', { vif, port: 'eth0' })
    await third.request('status')
    third.close()
    await expect(attach).rejects.toMatchObject({ code: 'HOST_GONE' })
    const unload = ask(client, 'unload', { plugin: PLUGIN })
    expect(await load).toMatchObject({ vifs: VIFS })
    expect(await detach).toMatchObject({ phase: 'none' })
    expect(await unload).toMatchObject({ name: 'sfc_netfront', forced: false })
    expect(done).toEqual(['load', 'detach', 'unload'])
    // Its key stands again, so the next one that comes is attached there.
    const { vifs } = await client.request<HostStatus>('status')
    expect(vifs.map(({ port }) => port)).toEqual(['eth0', 'eth0'])
    other.close()
    while (server.clients > 1) await new Promise((resolve) => setImmediate(resolve))
  })

  it('upgrades under traffic, and has a build that does not come to work rolled back', async () => {
    await client.request('load', { plugin: PLUGIN })
    const build = join(folder, 'build')
    cpSync(join(PLUGIN, 'dist'), join(build, 'dist'), { recursive: true })
    const { netaccel } = JSON.parse(readFileSync(join(PLUGIN, 'package.json'), 'utf8')) as {
      netaccel: object
    }
    const manifest = { name: 'next', version: '9.0.0', keywords: ['netaccel-plugin'], netaccel }
    writeFileSync(join(build, 'package.json'), JSON.stringify(manifest))
    appendFileSync(join(build, 'dist/backend.cjs'), '// another build\n')
    const upgraded = await client.request<UpgradeReport>('upgrade', { plugin: build })
    expect(upgraded).toMatchObject({ rolledBack: false, cause: null, vifs: VIFS })
    expect(upgraded.halves.map(({ from, to }) => [from?.slice(0, 5), to?.slice(0, 5)])).toEqual(
      Array.from({ length: 4 }, () => ['0.1.0', '9.0.0']),
    )
    writeFileSync(join(build, 'dist/frontend.cjs'), 'throw new Error("not today")')
    const back = await client.request<UpgradeReport>('upgrade', { plugin: build })
    expect(back).toMatchObject({ rolledBack: true, vifs: VIFS })
    expect(back.cause).toContain('not today')
    expect(await client.request('unload', { plugin: 'sfc_netfront', prove: true })).toMatchObject({
      proof: { leaked: [] },
    })
  })

  it('tells its state again and again', async () => {
    const seen: HostStatus[] = []
    const top = client.ask('top', { intervalMs: 10, count: 3 }, (item) => seen.push(item as HostStatus))
    expect(await top.result).toEqual({ missed: 0 })
    const times = seen.map(({ atNs }) => atNs)
    expect(times).toEqual(times.toSorted((one, other) => one - other))
    expect(seen[2].vifs[0].tx.slow.frames).toBeGreaterThan(0)
  })

  it('tells the stages of each frame, and writes them into a capture with an interface a stage', async () => {
    const ways: FrameWay[] = []
    const request = { flow: '10.0.0.1', count: 6, pcap: join(folder, 'captures') }
    const trace = client.ask<{ frames: number; pcap: { file: string; records: number } }>(
      'trace',
      request,
      (item) => ways.push(item as FrameWay),
    )
    expect((await refusalOfSecond()).code).toBe('BUSY')
    const { frames, pcap } = await trace.result
    expect([frames, ways.length]).toEqual([6, 6])
    const unicast = ways.filter(({ to }) => to.length === 1)
    expect(unicast.length).toBeGreaterThan(0)
    for (const way of unicast)
      expect(frameLine(way)).toMatch(
        /^\d+\.\d{6} slow .*10\.0\.0\.1.* bytes.*: [ab] 1 2 3s 4s 5s 6s 7 8 \| [ab] 8 7 6s 5s 4s 3s 2 1; \d+\.\d us$/,
      )
    const bytes = readFileSync(pcap.file)
    expect(pcap.records).toBeGreaterThan(50)
    for (const name of ['a 1 stack sends', 'a 8 onto wire', 'b 3s rx ring'])
      expect(bytes.includes(name)).toBe(true)
  })

  async function refusalOfSecond(): Promise<HostRefusal> {
    return refusal('trace')
  }

  it('ends a stream when its client asks, and goes on when it vanishes', async () => {
    const items: unknown[] = []
    const top = client.ask('top', { intervalMs: 10 }, (item) => items.push(item))
    while (items.length === 0) await new Promise((resolve) => setImmediate(resolve))
    top.cancel()
    expect(await top.result).toEqual({ missed: 0 })
    const other = await HostClient.open(runDir)
    const lost = other.ask('top', { intervalMs: 10 })
    other.close()
    await expect(lost.result).rejects.toMatchObject({ code: 'HOST_GONE' })
    while (server.clients > 1) await new Promise((resolve) => setImmediate(resolve))
    expect(await client.request<HostStatus>('status')).toMatchObject({ name: 'test', clock: 'virtual' })
  })

  it('turns away more clients than it keeps', async () => {
    const many = await Promise.all(Array.from({ length: 31 }, () => HostClient.open(runDir)))
    while (server.clients < 32) await new Promise((resolve) => setImmediate(resolve))
    const late = await HostClient.open(runDir)
    await expect(late.request('status')).rejects.toMatchObject({ code: 'BUSY' })
    for (const each of many) each.close()
    while (server.clients > 1) await new Promise((resolve) => setImmediate(resolve))
    expect(await client.request('list')).toMatchObject({ project: folder })
  })
})

// A guest is saved to bytes under traffic, and goes on in another world: other hypervisor, driver domain and NIC.
import { build, startTraffic, type World, type WorldValue } from '@netaccel/host'
import { describe, expect, it } from 'vitest'
import { conserved, LEFT_BEHIND } from '../testing/conserved.js'
import { FOLDER, MS, TwoHosts, twoHosts } from '../testing/two-hosts.js'

/** Where saved guests come to: three guests on host b, of which two talk with one another, and room on host a. */
function elsewhere(memory = 64): WorldValue {
  const { hosts, wires } = twoHosts()
  const vif = (last: string) => ({ vifs: { vif0: { mac: `00:16:3e:00:00:${last}`, accel: 'eth0' } } })
  const links = ['guest1', 'guest2', 'guest3'].map((guest) => `${guest}.vif0 -> bridge`)
  const guests = { guest1: vif('0b'), guest2: vif('0c'), guest3: vif('0d') }
  return {
    seed: 2,
    hosts: {
      a: { ...hosts.a, memory, guests: {}, links: ['eth0 -> bridge'] },
      b: { ...hosts.b, memory: 96, guests, links: [...links, 'eth0 -> bridge'] },
    },
    ...(wires && { wires }),
  }
}

/** What the guest's program has of its memory, and has written into the store; the middle arena is given back. */
async function fill(world: World, path: string): Promise<void> {
  const { programMemory: memory, domain } = world.guest(path)
  const [first, gone, last] = [2, 3, 1].map((pages) => memory.take(pages))
  for (const { bytes, offset } of [first, last]) bytes.fill(offset / 4096, offset + 100, offset + 5000 - 4000)
  first.bytes[first.offset + 8191] = 7
  memory.give(gone)
  await world.drive(domain.store.writeAll({ 'data/name': 'one', 'data/deep/er': '2' }))
}

/** The same, as it is found. */
async function found(world: World, path: string): Promise<unknown> {
  const { programMemory: memory, domain } = world.guest(path)
  const bytes = memory.arenas.map((arena) =>
    Buffer.from(arena.bytes.subarray(arena.offset, arena.offset + arena.length)).toString('base64'),
  )
  const read = (key: string) => world.drive(domain.store.read(key))
  return { runs: memory.runs, bytes, data: [await read('data/name'), await read('data/deep/er')] }
}

/** Under traffic. `plugin`: its devices are accelerated. */
async function saved(plugin: boolean): Promise<{ pair: TwoHosts; bytes: Uint8Array; was: unknown }> {
  const pair = await TwoHosts.make()
  pair.start()
  if (plugin) await pair.load()
  await fill(pair.world, 'a.guest1')
  await pair.for(1)
  const was = await found(pair.world, 'a.guest1')
  await pair.world.suspend('a.guest1')
  return { pair, bytes: await pair.world.save('a.guest1'), was }
}

describe('a guest that is saved', () => {
  it('scenario 10: goes on in another world, under the traffic of both: its memory is the same, it is accelerated again', async () => {
    const { pair, bytes, was } = await saved(true)
    expect(pair.world.vifs.map(({ path }) => path)).toEqual(['b.guest1.vif0'])
    // Six words of text, and two of three pages: in the first arena's second stands one byte.
    expect(bytes.length).toBeLessThan(4 * 4096)
    expect(await conserved(pair, ...LEFT_BEHIND)).toEqual([])
    await pair.unload()
    await pair.world.close()

    const world = await build(elsewhere())
    const others = startTraffic(world, 'b.guest1.vif0', 'b.guest2.vif0')
    await world.load(FOLDER)
    await world.run({ for: 2 * MS })
    await world.restore(bytes, 'a')
    expect(await found(world, 'a.guest1')).toEqual(was)
    await world.run({ for: 100 * MS, until: () => world.vif('a.guest1.vif0').phase === 'active' })
    const traffic = startTraffic(world, 'a.guest1.vif0', 'b.guest3.vif0')
    await world.run({ for: 5 * MS })
    const { phase, meter } = world.vif('a.guest1.vif0')
    expect([phase, meter.tx.fast.segments > 500, meter.rx.fast.segments > 500]).toEqual([
      'active',
      true,
      true,
    ])
    await world.unload('sfc_netfront')
    await others.stop()
    await traffic.stop()
    expect([await world.drain(), world.judge().reasons]).toEqual([true, []])
    // It can go on from there as well, with what it has taken since.
    world.guest('a.guest1').programMemory.take(1)
    await world.suspend('a.guest1')
    const again = await world.save('a.guest1')
    await expect(world.restore(again, 'b')).rejects.toMatchObject({ code: 'NAME_TAKEN' })
    await world.restore(again, 'a')
    expect(world.guest('a.guest1').programMemory.runs.length).toBe(3)
    await world.close()
  })

  it('takes its memory along to another host of the same world', async () => {
    const pair = await TwoHosts.make(elsewhere())
    const { world } = pair
    await fill(world, 'b.guest1')
    const was = await found(world, 'b.guest1')
    await world.suspend('b.guest1')
    await world.resume('b.guest1', 'a')
    expect(await found(world, 'a.guest1')).toEqual(was)
    await world.close()
  })

  it('is not saved while it runs, and not restored where it has no place; nothing has changed then', async () => {
    const { pair, bytes } = await saved(false)
    const { world } = pair
    await expect(world.save('b.guest1')).rejects.toMatchObject({ code: 'NOT_READY' })
    await world.restore(bytes, 'a')
    await expect(world.restore(bytes, 'a')).rejects.toThrow('a has a guest "guest1" already')
    await world.close()
    const other = await build(elsewhere(18))
    const before = other.resources()
    await expect(other.restore(bytes, 'a')).rejects.toMatchObject({ name: 'XenError' })
    await expect(other.restore(bytes, 'c')).rejects.toMatchObject({ code: 'NO_SUCH_PART' })
    await expect(other.restore(bytes.subarray(1), 'a')).rejects.toMatchObject({ code: 'BAD_VALUE' })
    expect([other.resources(), other.host('a').guests.size]).toEqual([before, 0])
    await other.close()
    const twin = await build({ hosts: { a: twoHosts().hosts.a, b: { memory: 64 } } })
    await expect(twin.restore(bytes, 'b')).rejects.toThrow('a.guest1.vif0 has the MAC')
    await twin.close()
  })
})

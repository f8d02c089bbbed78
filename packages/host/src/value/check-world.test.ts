import { describe, expect, it } from 'vitest'
import { HostError } from '../errors.js'
import { checkWorld } from './check-world.js'

const good = {
  hosts: {
    a: {
      nics: { eth0: { mac: '00:0f:53:00:00:0a' } },
      guests: { guest1: { vifs: { vif0: { mac: '00:16:3e:00:00:01', accel: 'eth0' } } } },
      links: ['guest1.vif0 -> bridge', 'eth0 -> bridge'],
    },
    b: { nics: { eth0: { mac: '00:0f:53:00:00:0b' } } },
  },
  wires: [{ link: 'a.eth0 -> b.eth0', gbps: 10 }],
}

/** A change to a world that the types of a world forbid: it goes by paths such as `hosts.a.links`. */
type Change = (world: object) => void

function place(world: object, path: string): [holder: object, key: string] {
  const keys = path.split('.')
  const key = keys.pop() ?? ''
  return [keys.reduce((holder, each) => Reflect.get(holder, each) as object, world), key]
}

const set =
  (path: string, value: unknown): Change =>
  (world) =>
    Reflect.set(...place(world, path), value)
const without =
  (path: string): Change =>
  (world) =>
    Reflect.deleteProperty(...place(world, path))
const also =
  (path: string, ...values: string[]): Change =>
  (world) =>
    (Reflect.get(...place(world, path)) as string[]).push(...values)

function problemsOf(...changes: Change[]): readonly string[] {
  const world = structuredClone(good)
  for (const change of changes) change(world)
  try {
    checkWorld(world)
  } catch (error) {
    expect(error).toBeInstanceOf(HostError)
    return (error as HostError).problems
  }
  return []
}

describe('checkWorld', () => {
  it('accepts a world of two hosts', () => {
    expect(checkWorld(good)).toBe(good)
  })

  it.each<[string, Change, string | RegExp]>([
    [
      'an unknown key',
      set('hosts.a.guest', {}),
      'hosts.a has an unknown key "guest". Known here: memory, driver, nics, guests, misbehaviour, links.',
    ],
    [
      'a link to a missing port',
      also('hosts.a.links', 'guest2.vif0 -> bridge'),
      'hosts.a.links: "guest2.vif0 -> bridge" names no port of this host; it has guest1.vif0, eth0.',
    ],
    [
      'a link that is no sentence',
      set('hosts.a.links', ['guest1.vif0']),
      'hosts.a.links: "guest1.vif0" is no link; write "guest1.vif0 -> bridge".',
    ],
    [
      'a link to elsewhere',
      set('hosts.a.links', ['guest1.vif0 -> switch']),
      'hosts.a.links: "guest1.vif0 -> switch" leads to "switch"; a link leads to "bridge".',
    ],
    [
      'a port plugged in twice',
      also('hosts.a.links', 'eth0 -> bridge'),
      'hosts.a.links: "eth0 -> bridge" plugs eth0 in twice.',
    ],
    [
      'two owners of one MAC',
      set('hosts.b.nics.eth0.mac', '00:0F:53:00:00:0A'),
      'b.eth0 has the MAC 00:0F:53:00:00:0A of a.eth0; give each vif and NIC its own.',
    ],
    [
      'a MAC that is none',
      set('hosts.b.nics.eth0.mac', '00:0f:53'),
      'hosts.b.nics.eth0.mac is no interface\'s MAC address; write six bytes as "00:16:3e:00:00:01", the first of them even.',
    ],
    [
      'a group address',
      set('hosts.a.guests.guest1.vifs.vif0.mac', 'ff:ff:ff:ff:ff:ff'),
      'hosts.a.guests.guest1.vifs.vif0.mac is no interface\'s MAC address; write six bytes as "00:16:3e:00:00:01", the first of them even.',
    ],
    [
      'two MTUs on one wire',
      set('hosts.b.nics.eth0.mtu', 9000),
      'wires: "a.eth0 -> b.eth0" joins an MTU of 1500 to one of 9000; give both NICs the same.',
    ],
    [
      'an unknown cost',
      set('costs', { frames: 3 }),
      /^costs has an unknown key "frames". Known here: frame, slot, /,
    ],
    [
      'a guest too small for its rings',
      set('hosts.a.guests.guest1.memory', 1),
      'hosts.a.guests.guest1.memory must be >= 4.',
    ],
    [
      'a wire to no NIC',
      set('wires.0.link', 'a.eth0 -> b.eth9'),
      'wires: "a.eth0 -> b.eth9" names no NIC "b.eth9"; there are a.eth0, b.eth0.',
    ],
    ['a wrong clock', set('clock', 'fast'), 'clock must be one of virtual, real.'],
    ['no hosts', without('hosts'), 'the world lacks "hosts".'],
    [
      'a vif without a MAC',
      without('hosts.a.guests.guest1.vifs.vif0.mac'),
      'hosts.a.guests.guest1.vifs.vif0 lacks "mac".',
    ],
  ])('refuses %s in one clear sentence', (_name, change, sentence) => {
    const expected = typeof sentence === 'string' ? sentence : expect.stringMatching(sentence)
    expect(problemsOf(change)).toContainEqual(expected)
  })

  it('refuses a vif that is plugged into nothing', () => {
    expect(problemsOf(set('hosts.a.links', ['eth0 -> bridge']))).toEqual([
      'hosts.a: guest1.vif0 is plugged into nothing; add the link "guest1.vif0 -> bridge".',
    ])
  })

  it('reports every problem at once', () => {
    expect(
      problemsOf(set('hosts.b.nics.eth0.mac', '00:0f:53:00:00:0a'), also('hosts.a.links', 'eth9 -> bridge')),
    ).toHaveLength(2)
  })
})

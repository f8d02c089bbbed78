import type { FlowKey } from '@netaccel/core'
import {
  Frame,
  PacketInfo,
  parseIp,
  parseMac,
  parsePacket,
  plainIsTcp,
  plainTransport,
  Random,
  wordsOf,
  writeTcp,
  writeUdp,
} from '@netaccel/packet'
import { describe, expect, it } from 'vitest'
import { filterWords } from './filter-key.js'
import type { FilterWords } from './filter-key.js'
import { FilterTable } from './filter-table.js'

const words = (key: FlowKey): FilterWords => {
  const found = filterWords(key)
  if (found === undefined) throw new Error('this key is supported')
  return found
}

const MAC = '00:16:3e:00:00:01'
const wild = (destinationPort: number, more: FlowKey = {}): FlowKey => ({
  protocol: 17,
  destination: '10.0.0.2',
  destinationPort,
  ...more,
})

interface Ends {
  source?: string
  destination?: string
  sourcePort?: number
  destinationPort?: number
  mac?: string
  vlan?: number
  protocol?: 6 | 17
}

const frame = new Frame(wordsOf(new Uint8Array(2048)), 0, 2048, 0, null)
const info = new PacketInfo()

function match(table: FilterTable, ends: Ends, change?: (frame: Frame) => void): number {
  const {
    source = '10.0.0.1',
    destination = '10.0.0.2',
    sourcePort = 9,
    destinationPort = 80,
    mac = MAC,
  } = ends
  const options = {
    sourceMac: parseMac('02:00:00:00:00:01'),
    destinationMac: parseMac(mac),
    source: parseIp(source),
    destination: parseIp(destination),
    sourcePort,
    destinationPort,
    payloadLength: 10,
    ...(ends.vlan !== undefined && { vlan: ends.vlan }),
  }
  if (ends.protocol === 6) writeTcp(frame, { ...options, sequence: 0 })
  else writeUdp(frame, options)
  change?.(frame)
  parsePacket(frame, info)
  return table.match(frame, info)
}

describe('keys that the hardware supports', () => {
  const shapes: [FlowKey, boolean][] = [
    [wild(80), true],
    [wild(80, { source: '10.0.0.1', sourcePort: 9 }), true],
    [wild(80, { mac: MAC }), true],
    [wild(80, { etherType: 0x0800 }), true],
    [wild(80, { destination: '2001:db8::1' }), true],
    [{ mac: MAC }, true],
    [wild(80, { etherType: 0x86dd }), false],
    [wild(80, { vlan: 5 }), true],
    [wild(80, { vlan: 0 }), false],
    [wild(80, { vlan: 4095 }), false],
    [wild(80, { source: '10.0.0.1' }), false],
    [wild(80, { sourcePort: 9 }), false],
    [wild(80, { source: '2001:db8::1', sourcePort: 9 }), false],
    [wild(80, { destination: '224.0.0.1' }), false],
    [wild(80, { destination: 'ff02::1' }), false],
    [wild(80, { destination: '10.0.0' }), false],
    [wild(65536), false],
    [wild(1.5), false],
    [{ protocol: 17, destination: '10.0.0.2' }, false],
    [{ protocol: 1 as 6, destination: '10.0.0.2', destinationPort: 1 }, false],
    [{ mac: '01:00:5e:00:00:01' }, false],
    [{ mac: MAC, vlan: 3 }, true],
    [{ mac: MAC, vlan: 1.5 }, false],
    [{ mac: MAC, etherType: 0x0806 }, false],
    [{ mac: 'rubbish' }, false],
    [{}, false],
  ]
  it.each(shapes)('%o: %s', (key, supported) => {
    expect(filterWords(key) !== undefined).toBe(supported)
  })
})

describe('matching', () => {
  it('a wildcard matches its protocol, destination and port, whoever sends', () => {
    const table = new FilterTable()
    const slot = table.insert(words(wild(80)), 3)
    expect(match(table, {})).toBe(slot)
    expect(match(table, { source: '192.0.2.9', sourcePort: 12_345 })).toBe(slot)
    expect(match(table, { destinationPort: 81 })).toBe(-1)
    expect(match(table, { destination: '10.0.0.3' })).toBe(-1)
    expect(match(table, { protocol: 6 })).toBe(-1)
    expect(table.vi(slot as number)).toBe(3)
    expect(table.hits(slot as number)).toBe(2)
  })

  it('the most precise filter wins: full, wildcard, MAC', () => {
    const table = new FilterTable()
    const mac = table.insert(words({ mac: MAC }), 1)
    expect(match(table, {})).toBe(mac)
    const any = table.insert(words(wild(80)), 2)
    expect(match(table, {})).toBe(any)
    const full = table.insert(words(wild(80, { source: '10.0.0.1', sourcePort: 9 })), 3)
    expect(match(table, {})).toBe(full)
    expect(match(table, { sourcePort: 10 })).toBe(any)
    expect(match(table, { destinationPort: 81 })).toBe(mac)
  })

  it('a key with a MAC matches only frames to it (FL-02)', () => {
    const table = new FilterTable()
    const mine = table.insert(words(wild(80, { mac: MAC })), 1)
    const other = table.insert(words(wild(80, { mac: '00:16:3e:00:00:02' })), 2)
    expect(match(table, {})).toBe(mine)
    expect(match(table, { mac: '00:16:3e:00:00:02' })).toBe(other)
    expect(match(table, { mac: '00:16:3e:00:00:03' })).toBe(-1)
  })

  it('never matches tagged, multicast, fragmented or cut frames by IP', () => {
    const table = new FilterTable()
    table.insert(words(wild(80)), 1)
    expect(match(table, { vlan: 4 })).toBe(-1)
    expect(match(table, { mac: '01:00:5e:00:00:01' })).toBe(-1)
    expect(match(table, {}, (f) => f.view.setUint16(f.offset + 20, 0x2000))).toBe(-1)
    expect(match(table, {}, (f) => f.view.setUint16(f.offset + 20, 0x0001))).toBe(-1)
    expect(match(table, {}, (f) => void (f.length = 40))).toBe(-1)
    expect(match(table, {}, (f) => void (f.length = 10))).toBe(-1)
  })

  it('a key with a tag matches only frames under that tag, one without none that is tagged', () => {
    const table = new FilterTable()
    const plain = table.insert(words(wild(80)), 1)
    const tagged = table.insert(words(wild(80, { vlan: 5 })), 2)
    const full = table.insert(words(wild(80, { vlan: 6, source: '10.0.0.1', sourcePort: 9 })), 3)
    expect(new Set([plain, tagged, full]).size).toBe(3)
    expect(match(table, {})).toBe(plain)
    expect(match(table, { vlan: 5 })).toBe(tagged)
    expect(match(table, { vlan: 6 })).toBe(full)
    expect(match(table, { vlan: 7 })).toBe(-1)
    // A second tag within the first: to whom the inner one belongs this hardware cannot tell.
    const again = (f: Frame): void => {
      f.bytes.copyWithin(f.offset + 16, f.offset + 12, f.offset + f.length)
      f.length += 4
    }
    expect(match(table, { vlan: 5 }, again)).toBe(-1)
    expect(table.insert(words(wild(80, { vlan: 5 })), 4)).toBe('duplicate')
  })

  it('a MAC key matches every tag, one with a tag that one, and goes first', () => {
    const table = new FilterTable()
    const mac = table.insert(words({ mac: MAC }), 1)
    const tagged = table.insert(words({ mac: MAC, vlan: 5 }), 2)
    expect(match(table, {})).toBe(mac)
    expect(match(table, { vlan: 4 })).toBe(mac)
    expect(match(table, { vlan: 5 })).toBe(tagged)
    expect(table.insert(words({ mac: MAC, vlan: 5 }), 3)).toBe('duplicate')
    expect(table.insert(words({ mac: MAC }), 3)).toBe('duplicate')
    table.remove(tagged as number)
    expect(match(table, { vlan: 5 })).toBe(mac)
    expect(table.used).toBe(1)
  })

  it('matches IPv6 by all four words', () => {
    const table = new FilterTable()
    const slot = table.insert(words(wild(80, { destination: '2001:db8::2' })), 1)
    expect(match(table, { source: '2001:db8::1', destination: '2001:db8::2' })).toBe(slot)
    expect(match(table, { source: '2001:db8::1', destination: '2001:db8:1::2' })).toBe(-1)
  })
})

describe('inserting and removing (FL-06)', () => {
  it('a duplicate changes nothing', () => {
    const table = new FilterTable()
    const slot = table.insert(words(wild(80)), 1) as number
    expect(match(table, {})).toBe(slot)
    expect(table.insert(words(wild(80)), 2)).toBe('duplicate')
    expect([table.used, table.vi(slot), table.hits(slot)]).toEqual([1, 1, 1])
  })

  it('a duplicate is found behind a place that has become free', () => {
    const table = new FilterTable(8)
    const slots = Array.from({ length: 30 }, (_, port) => table.insert(words(wild(port)), 1))
    const deep = slots.findLastIndex((slot) => typeof slot === 'number')
    for (const [port, slot] of slots.entries())
      if (typeof slot === 'number' && port !== deep) table.remove(slot)
    expect(table.insert(words(wild(deep)), 2)).toBe('duplicate')
    expect(match(table, { destinationPort: deep })).toBe(slots[deep])
  })

  it('full after five places for a wildcard, and a refused key matches nothing', () => {
    const table = new FilterTable(8)
    const refused: number[] = []
    for (let port = 0; port < 100; port++)
      if (table.insert(words(wild(port)), 1) === 'full') refused.push(port)
    expect(table.used).toBeLessThanOrEqual(8)
    expect(refused.length).toBe(100 - table.used)
    for (const port of refused) expect(match(table, { destinationPort: port })).toBe(-1)
  })

  it('a removed filter matches nothing and leaves the others findable', () => {
    const random = new Random('filters')
    const table = new FilterTable(64)
    const live = new Map<number, number>()
    for (let round = 0; round < 3000; round++) {
      const port = random.below(200)
      const slot = live.get(port)
      if (slot === undefined) {
        const made = table.insert(words(wild(port)), port)
        if (typeof made === 'number') live.set(port, made)
        else expect(made).toBe('full')
      } else {
        table.remove(slot)
        live.delete(port)
      }
      if (round % 50 !== 0) continue
      for (let p = 0; p < 200; p++) expect(match(table, { destinationPort: p })).toBe(live.get(p) ?? -1)
    }
    expect(table.used).toBe(live.size)
  })

  it('holds thousands', () => {
    const table = new FilterTable()
    let held = 0
    for (let port = 0; port < 6000; port++) if (typeof table.insert(words(wild(port)), 0) === 'number') held++
    // At three quarters full, five places are not always enough: a few hundred are refused.
    expect(held).toBeGreaterThan(5000)
    expect(table.used).toBe(held)
    table.removeVi(0)
    expect(table.used).toBe(0)
  })
})

describe('the lane of plain frames', () => {
  it('finds what a parsed frame finds, over filters that come and go and flows in runs', () => {
    const table = new FilterTable(64)
    const random = new Random('plain lane')
    const pick = <T>(list: readonly T[]): T => random.pick(list)
    const slots: number[] = []
    let hits = 0
    for (let round = 0; round < 4000; round++) {
      if (random.chance(0.1)) {
        const port = pick([80, 81, 40_000])
        const key: FlowKey = pick([
          wild(port),
          wild(port, { protocol: 6 }),
          wild(port, { source: pick(['10.0.0.1', '200.0.0.9']), sourcePort: 9 }),
          wild(port, { mac: MAC }),
          { mac: MAC },
        ])
        const slot = table.insert(words(key), random.below(8))
        if (typeof slot === 'number') slots.push(slot)
      }
      if (slots.length > 3 || random.chance(0.05)) {
        const [gone] = slots.splice(random.below(Math.max(1, slots.length)), 1)
        if (gone !== undefined) table.remove(gone)
      }
      const ends: Ends = {
        source: pick(['10.0.0.1', '200.0.0.9']),
        destination: pick(['10.0.0.2', '10.0.0.2', '10.0.0.3']),
        destinationPort: pick([80, 81, 40_000]),
        mac: pick([MAC, '00:16:3e:00:00:02', '01:00:5e:00:00:01']),
        protocol: pick([6, 17] as const),
      }
      for (let again = random.below(3); again >= 0; again--) {
        const expected = match(table, ends)
        const plain = plainTransport(frame)
        expect(plain).toBeGreaterThanOrEqual(0)
        const before = expected < 0 ? 0 : table.hits(expected)
        expect(table.matchPlain(frame, plainIsTcp(plain))).toBe(expected)
        if (expected < 0) continue
        hits++
        expect(table.hits(expected)).toBe(before + 1)
      }
    }
    expect(hits).toBeGreaterThan(500)
  })
})

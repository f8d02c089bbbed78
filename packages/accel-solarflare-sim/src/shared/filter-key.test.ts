import { Frame, parseIp, parseMac, privateArena, Random, wordsOf, writeTcp, writeUdp } from '@netaccel/packet'
import { describe, expect, it } from 'vitest'
import { FilterKey, flowKey } from './filter-key.js'

const ends = {
  sourceMac: parseMac('00:16:3e:00:00:02'),
  destinationMac: parseMac('00:16:3e:00:00:01'),
  source: parseIp('10.0.0.2'),
  destination: parseIp('192.168.7.1'),
  sourcePort: 1000,
  destinationPort: 5001,
  payloadLength: 40,
}

function frame(write: (frame: Frame) => void): Frame {
  const arena = privateArena(2048)
  const made = new Frame(wordsOf(arena.bytes), 0, 2048, 0, null)
  write(made)
  return made
}

const tcp = (more = {}) => frame((f) => writeTcp(f, { ...ends, sequence: 1, ...more }))
const udp = (more = {}) => frame((f) => writeUdp(f, { ...ends, ...more }))

describe('the key of a filter', () => {
  it('is protocol, destination address and destination port', () => {
    const key = new FilterKey()
    expect(key.read(tcp())).toBe(true)
    expect(flowKey(key.ip, key.ports, undefined)).toEqual({
      protocol: 6,
      destination: '192.168.7.1',
      destinationPort: 5001,
    })
    expect(key.read(udp({ destinationPort: 65535 }))).toBe(true)
    expect(flowKey(key.ip, key.ports, '00:16:3e:00:00:01')).toEqual({
      protocol: 17,
      destination: '192.168.7.1',
      destinationPort: 65535,
      mac: '00:16:3e:00:00:01',
    })
  })

  const cut = (length: number) => {
    const made = udp()
    made.length = length
    return made
  }
  const fragment = (word: number) => {
    const made = udp()
    made.view.setUint16(20, word)
    return made
  }
  const never: [string, Frame][] = [
    ['cut in the Ethernet header', cut(13)],
    ['cut in the IP header', cut(33)],
    ['cut in the UDP header', cut(41)],
    ['a first fragment', fragment(0x2000)],
    ['a later fragment', fragment(0x0010)],
    ['a tagged frame', udp({ vlan: 3 })],
    ['a multicast MAC', udp({ destinationMac: parseMac('01:00:5e:00:00:01') })],
    ['broadcast', udp({ destinationMac: parseMac('ff:ff:ff:ff:ff:ff') })],
    ['a multicast address under a unicast MAC', udp({ destination: parseIp('224.0.0.1') })],
    ['the broadcast address', udp({ destination: parseIp('255.255.255.255') })],
    ['IPv6', udp({ source: parseIp('fd00::1'), destination: parseIp('fd00::2') })],
  ]
  it.each(never)('bug 5: FL-01: scenario 20: is never made of %s', (_what, bad) => {
    expect(new FilterKey().read(bad)).toBe(false)
  })

  it('ER-03: throws at no bytes', () => {
    const random = new Random(11)
    const key = new FilterKey()
    const made = udp()
    let made2 = 0
    for (let i = 0; i < 3000; i++) {
      made.length = random.below(100)
      for (let k = 0; k < 6; k++) made.view.setUint8(random.below(60), random.below(256))
      if (key.read(made)) made2++
    }
    expect(made2).toBeLessThan(3000)
  })
})

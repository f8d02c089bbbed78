import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as words from './words.js'

const at = 128

function message(write: (view: DataView, at: number) => void): DataView {
  const view = new DataView(new ArrayBuffer(3 * words.MESSAGE_BYTES))
  write(view, at)
  return view
}

function hex(view: DataView, from: number, length: number): string {
  return Buffer.from(view.buffer, at + from, length).toString('hex')
}

/** Words one after the other, as hex. */
const row = (...words: string[]): string => words.join('')

describe('the words of the Solarflare pair, to the byte', () => {
  it('HELLO: id, version, max_pages', () => {
    const view = message((v, a) => {
      words.writeId(v, a, (words.MSG_HELLO | words.MSG_REPLY) >>> 0)
      words.writeHello(v, a, { version: words.PROTOCOL_VERSION, maxPages: 384 })
    })
    expect(hex(view, 0, 12)).toBe(row('01000080', '00100000', '80010000'))
    expect(words.readHello(view, at)).toEqual({ version: 0x1000, maxPages: 384 })
    expect(words.readId(view, at)).toBe(0x8000_0001)
  })

  it('SETHW: two ring grants, doorbell, 8 event grants at 24, capacities, revision, variant', () => {
    const hw: words.SetHw = {
      type: words.HW_FALCON_B,
      txGrant: 0x11,
      rxGrant: 0x12,
      doorbellMfn: 0xf0001,
      doorbellGrant: 0x13,
      eventGrants: [0x21, 0x22],
      eventOffset: 0,
      eventOrder: 1,
      eventCapacity: 1024,
      eventRead: 7,
      instance: 5,
      rxCapacity: 512,
      txCapacity: 256,
      arch: 1,
      revision: -1,
      variant: 0x42,
    }
    const view = message((v, a) => words.writeSetHw(v, a, hw))
    expect(hex(view, 4, 20)).toBe(row('02000000', '11000000', '12000000', '01000f00', '13000000'))
    expect(hex(view, 24, 32)).toBe(row('21000000', '22000000', '00000000'.repeat(6)))
    expect(hex(view, 56, 16)).toBe(row('00000000', '01000000', '00040000', '07000000'))
    expect(hex(view, 72, 24)).toBe(
      row('05000000', '00020000', '00010000', '01000000', 'ffffffff', '42000000'),
    )
    expect(hex(view, 96, 32)).toBe('00'.repeat(32))
    expect(words.readSetHw(view, at)).toEqual(hw)
  })

  it('LOCALMAC: flags, mac', () => {
    const mac = { high: 0x0016, low: 0x3e000001 }
    const view = message((v, a) => words.writeLocalMac(v, a, { flags: words.LOCALMAC_ADD, mac }))
    expect(hex(view, 4, 12)).toBe(row('01000000', '00163e000001', '0000'))
    expect(words.readLocalMac(view, at)).toEqual({ flags: 1, mac })
  })

  it('MAPBUF: reqid, pages, 8 grants at 12, buf at 44', () => {
    const map = { request: 380, pages: 4, grants: [1, 2, 3, 4], address: 0x1234 }
    const view = message((v, a) => words.writeMapBuf(v, a, map))
    expect(hex(view, 4, 44)).toBe(
      row('7c010000', '04000000', '01000000020000000300000004000000', '00'.repeat(16), '34120000'),
    )
    expect(words.readMapBuf(view, at)).toEqual(map)
  })

  it('FASTPATH: flags, mac, then port and address in network order, proto', () => {
    const hint = {
      flags: words.FASTPATH_REMOVE,
      mac: { high: 0x0016, low: 0x3e000002 },
      port: 80,
      ip: 0xc0000201,
      protocol: 6,
    }
    const view = message((v, a) => words.writeFastPathHint(v, a, hint))
    expect(hex(view, 4, 17)).toBe(row('01000000', '00163e000002', '0050', 'c0000201', '06'))
    expect(words.readFastPathHint(view, at)).toEqual(hint)
  })

  it('stays within its 128 bytes', () => {
    const view = message((v, a) => {
      words.writeSetHw(v, a, words.readSetHw(v, a))
      words.writeMapBuf(v, a, {
        request: -1 >>> 0,
        pages: 8,
        grants: Array(8).fill(-1 >>> 0),
        address: -1 >>> 0,
      })
    })
    expect(hex(view, -128, 128)).toBe('00'.repeat(128))
    expect(hex(view, 128, 128)).toBe('00'.repeat(128))
  })

  it('CT-02: reads any bytes without throwing, and never more grants than there is room for', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 128, maxLength: 128 }), (bytes) => {
        const view = new DataView(bytes.buffer)
        expect(words.readMapBuf(view, 0).grants.length).toBeLessThanOrEqual(8)
        expect(words.readSetHw(view, 0).eventGrants.length).toBeLessThanOrEqual(8)
        words.readHello(view, 0)
        words.readLocalMac(view, 0)
        words.readFastPathHint(view, 0)
      }),
      { seed: 1, numRuns: 300 },
    )
  })
})

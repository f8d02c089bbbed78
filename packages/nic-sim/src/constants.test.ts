import { describe, expect, it } from 'vitest'
import {
  bufferAddress,
  optionWord,
  phaseOf,
  ringPages,
  TX_CHECKSUM,
  TX_CONTINUE,
  TX_OPTION,
  TX_OPTION_TCPV6,
  viPages,
  writeDescriptor,
} from './constants.js'

describe('the layout, to the byte', () => {
  it('takes four pages at the sizes of the original: two for events, one for each ring', () => {
    expect([ringPages(1024), ringPages(512), ringPages(64), viPages(1024, 512, 512)]).toEqual([2, 1, 1, 4])
  })

  it('turns the phase over with each lap, also across 2^32', () => {
    expect([0, 511, 512, 1023, 1024].map((index) => phaseOf(index, 512))).toEqual([1, 1, 0, 0, 1])
    expect([0xffffffff, 0].map((index) => phaseOf(index, 512))).toEqual([0, 1])
  })

  it('makes unsigned addresses of index and byte', () => {
    expect(bufferAddress(1, 0)).toBe(0x1000)
    expect(bufferAddress(0xfffff, 0xfff)).toBe(0xffffffff)
  })

  it('puts descriptors down little-endian, slot by slot, the phase in the last bit', () => {
    const view = new DataView(new ArrayBuffer(64))
    writeDescriptor(view, 0, 4, 1, bufferAddress(0x12345, 0x678), 1500 | TX_CONTINUE | TX_CHECKSUM)
    writeDescriptor(view, 32, 4, 5, optionWord(1448, 74, TX_OPTION_TCPV6), TX_OPTION | TX_CONTINUE)
    const hex = Buffer.from(view.buffer).toString('hex')
    expect(hex.slice(16, 32)).toBe('78563412dc050380')
    expect(hex.slice(64 + 16, 64 + 32)).toBe('a8054a0200000140')
  })
})

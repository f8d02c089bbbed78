import { describe, expect, it } from 'vitest'
import {
  extraInfo,
  gsoExtraSize,
  gsoExtraType,
  hashExtraAlgorithm,
  hashExtraType,
  hashExtraValue,
  readExtra,
  readMulticastExtra,
  readRxRequest,
  readRxResponse,
  readTxRequest,
  readTxResponse,
  responseId,
  responseStatus,
  rxRequest,
  rxResponse,
  txRequest,
  writeGsoExtra,
  writeHashExtra,
  writeMulticastExtra,
  writeRxRequest,
  writeRxResponse,
  writeTxRequest,
  writeTxResponse,
  XEN_NETIF_EXTRA_TYPE_MCAST_ADD,
} from './netif.js'

const hexOf = (...parts: string[]): string => parts.join('')

/** Five words of 0xee, the slot in the middle three: what a writer touches shows. */
function slot(): { words: Int32Array; hex: () => string } {
  const words = new Int32Array(5).fill(0xeeeeeeee)
  return { words, hex: () => Buffer.from(words.buffer, 4, 12).toString('hex') }
}

describe('slots, byte for byte', () => {
  it('transmit request: gref, offset, flags, id, size', () => {
    const { words, hex } = slot()
    writeTxRequest(words, 4, 0x80000102, 0x0304, 0x0506, 0x0708, 0xfffe)
    expect(hex()).toBe(hexOf('02010080', '0403', '0605', '0807', 'feff'))
    expect([words[0], words[4]]).toEqual([0xeeeeeeee | 0, 0xeeeeeeee | 0])
    const request = txRequest()
    readTxRequest(words, 4, request)
    expect(request).toEqual({ gref: 0x80000102, offset: 0x0304, flags: 0x0506, id: 0x0708, size: 0xfffe })
  })

  it('transmit response: id, status, the rest of the slot as it was', () => {
    const { words, hex } = slot()
    writeTxResponse(words, 4, 0xfff1, -2)
    expect(hex()).toBe(hexOf('f1ff', 'feff', 'ee'.repeat(8)))
    expect([responseId(readTxResponse(words, 4)), responseStatus(readTxResponse(words, 4))]).toEqual([
      0xfff1, -2,
    ])
  })

  it('receive request: id, pad 0, gref', () => {
    const { words, hex } = slot()
    writeRxRequest(words, 4, 0x00ff, 0xfffffff8)
    expect(hex()).toBe(hexOf('ff00', '0000', 'f8ffffff', 'ee'.repeat(4)))
    const request = rxRequest()
    readRxRequest(words, 4, request)
    expect(request).toEqual({ id: 0xff, gref: 0xfffffff8 })
  })

  it('receive response: id, offset, flags, status', () => {
    const { words, hex } = slot()
    writeRxResponse(words, 4, 0xfffe, 0x0102, 0x0013, 1514)
    expect(hex()).toBe(hexOf('feff', '0201', '1300', 'ea05', 'ee'.repeat(4)))
    const response = rxResponse()
    readRxResponse(words, 4, response)
    expect(response).toEqual({ id: 0xfffe, offset: 0x0102, flags: 0x13, status: 1514 })
    writeRxResponse(words, 4, 1, 0, 0, -1)
    readRxResponse(words, 4, response)
    expect(response.status).toBe(-1)
  })

  it('GSO extra: type 1, flags, MSS, gso type, 0, features 0', () => {
    const { words, hex } = slot()
    writeGsoExtra(words, 4, 1448, 2, 1)
    expect(hex()).toBe(hexOf('01', '01', 'a805', '02', '00', '0000', 'ee'.repeat(4)))
    const extra = extraInfo()
    readExtra(words, 4, extra)
    expect([extra.type, extra.flags, gsoExtraSize(extra), gsoExtraType(extra)]).toEqual([1, 1, 1448, 2])
  })

  it('hash extra: type 4, flags, hash type, algorithm, value', () => {
    const { words, hex } = slot()
    writeHashExtra(words, 4, 3, 1, 0xfedcba98, 0)
    expect(hex()).toBe(hexOf('04', '00', '03', '01', '98badcfe', 'ee'.repeat(4)))
    const extra = extraInfo()
    readExtra(words, 4, extra)
    expect([hashExtraType(extra), hashExtraAlgorithm(extra), hashExtraValue(extra)]).toEqual([
      3, 1, 0xfedcba98,
    ])
  })

  it('multicast extra: type 2, flags, the address', () => {
    const { words, hex } = slot()
    const address = Uint8Array.from([9, 0x01, 0x00, 0x5e, 0x7f, 0xff, 0xfa])
    writeMulticastExtra(words, 4, XEN_NETIF_EXTRA_TYPE_MCAST_ADD, address, 1, 0)
    expect(hex()).toBe(hexOf('02', '00', '01005e7ffffa', 'ee'.repeat(4)))
    const extra = extraInfo()
    readExtra(words, 4, extra)
    const back = new Uint8Array(7)
    readMulticastExtra(extra, back, 1)
    expect([...back.slice(1)]).toEqual([...address.slice(1)])
  })
})

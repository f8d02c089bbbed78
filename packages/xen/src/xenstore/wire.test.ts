import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RawClient, rawServer } from '../testing/raw-store.js'
import {
  encodeMessage,
  encodeText,
  exactStrings,
  MessageReader,
  PAYLOAD_MAX,
  splitStrings,
  XS,
} from './wire.js'

const hex = (bytes: Iterable<number>): string => Buffer.from([...bytes]).toString('hex')

describe('the wire format', () => {
  it('a request is 16 bytes of little-endian words and its payload', () => {
    const bytes = encodeMessage(XS.READ, 0x01020304, 7, encodeText('name\0'))
    expect(hex(bytes)).toBe('020000000403020107000000050000006e616d6500')
  })

  it('an answer echoes request and transaction id, byte for byte', async () => {
    const { clock, server } = rawServer()
    const client = new RawClient(clock, server, 0)
    client.stream.receive(encodeMessage(XS.WRITE, 0xfffffffe, 0, encodeText('/a\0hello')))
    client.stream.receive(encodeMessage(XS.READ, 0xffffffff, 0, encodeText('/a\0')))
    client.stream.receive(encodeMessage(XS.READ, 1, 99, encodeText('/a\0')))
    client.stream.receive(encodeMessage(XS.READ, 2, 0, encodeText('/b\0')))
    await clock.run()
    expect(hex(client.bytes)).toBe(
      '0b000000feffffff00000000030000004f4b00' +
        '02000000ffffffff000000000500000068656c6c6f' +
        '10000000010000006300000007000000454e4f454e5400' +
        '10000000020000000000000007000000454e4f454e5400',
    )
  })

  it('a watch event has ids of 0, and the path and the token with their NUL', async () => {
    const { clock, server } = rawServer()
    const client = new RawClient(clock, server, 0)
    client.stream.receive(encodeMessage(XS.WATCH, 9, 3, encodeText('/a\0tok\0')))
    await clock.run()
    expect(hex(client.bytes)).toBe(
      '040000000900000003000000030000004f4b000f0000000000000000000000070000002f6100746f6b00',
    )
  })

  it('messages come together from pieces of any size, several from one piece', () => {
    const message = fc.record({
      type: fc.nat(30),
      requestId: fc.nat(),
      transactionId: fc.nat(),
      payload: fc.uint8Array({ maxLength: 60 }),
    })
    fc.assert(
      fc.property(
        fc.array(message, { maxLength: 8 }),
        fc.infiniteStream(fc.integer({ min: 1, max: 40 })),
        (sent, sizes) => {
          const all = sent.flatMap((each) => [
            ...encodeMessage(each.type, each.requestId, each.transactionId, each.payload),
          ])
          const reader = new MessageReader()
          const received: unknown[] = []
          let at = 0
          let limit = 0
          const source = (target: Uint8Array, to: number, length: number): number => {
            const part = all.slice(at, Math.min(at + length, limit))
            target.set(part, to)
            at += part.length
            return part.length
          }
          while (limit < all.length) {
            limit += sizes.next().value
            for (let next = reader.next(source); typeof next === 'object'; next = reader.next(source))
              received.push(next)
          }
          expect(received).toEqual(sent)
          expect(reader.partial).toBe(false)
        },
      ),
      { seed: 3, numRuns: 300 },
    )
  })

  it('refuses a payload of more than 4096 bytes by its header alone', () => {
    const header = encodeMessage(XS.WRITE, 1, 0, new Uint8Array(0))
    const announce = (length: number): ReturnType<MessageReader['next']> => {
      new DataView(header.buffer).setUint32(12, length, true)
      let at = 0
      return new MessageReader().next((target, to, wanted) => {
        const part = header.subarray(at, at + wanted)
        target.set(part, to)
        at += part.length
        return part.length
      })
    }
    expect(announce(PAYLOAD_MAX)).toBe('wait')
    expect(announce(PAYLOAD_MAX + 1)).toBe('oversize')
    expect(announce(0xffffffff)).toBe('oversize')
  })

  it('splits strings by their NUL', () => {
    expect(splitStrings(encodeText('a\0b\0rest'), 2)).toEqual({ strings: ['a', 'b'], rest: 4 })
    expect(splitStrings(encodeText('a\0b'), 2)).toEqual({ strings: ['a'], rest: -1 })
    expect(exactStrings(encodeText('a\0'), 1)).toEqual(['a'])
    expect(exactStrings(encodeText('a'), 1)).toBeUndefined()
    expect(exactStrings(encodeText('a\0b\0'), 1)).toBeUndefined()
    expect(exactStrings(encodeText('\0'), 1)).toEqual([''])
  })
})

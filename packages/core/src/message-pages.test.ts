import { Random } from '@netaccel/packet'
import { describe, expect, it } from 'vitest'
import { MESSAGE_BYTES, MESSAGE_MAGIC, MESSAGE_USABLE, MessagePages, messageViews } from './message-pages.js'

function setUp() {
  // Three pages of a larger memory, so that an offset that is left out shows.
  const bytes = new Uint8Array(new SharedArrayBuffer(4 * 4096))
  const arena = { view: new DataView(bytes.buffer), bytes, offset: 4096, length: 8192 }
  const views = messageViews(arena)
  const notified = { frontend: 0, backend: 0 }
  const frontend = new MessagePages({ ...views, side: 'frontend', notify: () => notified.frontend++ })
  const backend = new MessagePages({ ...views, side: 'backend', notify: () => notified.backend++ })
  const word = (at: number) => arena.view.getUint32(4096 + at, true)
  const poke = (at: number, value: number) => arena.view.setUint32(4096 + at, value >>> 0, true)
  return { arena, bytes, frontend, backend, notified, word, poke }
}

const text = (word: string) => new TextEncoder().encode(word)
const first = (pages: MessagePages) => String.fromCharCode(pages.message.getUint8(0))

describe('the pages', () => {
  it('have the layout of the original', () => {
    const { frontend, backend, word, bytes } = setUp()
    expect(frontend.formatted).toBe(false)
    backend.format(true)
    expect(frontend.formatted).toBe(true)
    backend.send(text('to the frontend'))
    backend.send(text('again'))
    frontend.send(text('to the backend'))
    frontend.receive()
    expect(word(0)).toBe(MESSAGE_MAGIC)
    expect([word(4), word(8), word(12), word(16), word(20), word(24)]).toEqual([1, 2, 0, 1, 0, 1])
    expect(new TextDecoder().decode(bytes.slice(8192, 8192 + 15))).toBe('to the frontend')
    expect(new TextDecoder().decode(bytes.slice(8192 + 2048, 8192 + 2048 + 14))).toBe('to the backend')
    expect(bytes.slice(0, 4096).every((byte) => byte === 0)).toBe(true)
    expect(bytes.slice(12_288).every((byte) => byte === 0)).toBe(true)
  })

  it('carry whole messages in order, both ways, over many turns of the rings', () => {
    const { frontend, backend } = setUp()
    backend.format(true)
    for (let round = 0; round < 100; round++) {
      for (const [from, to] of [
        [frontend, backend],
        [backend, frontend],
      ] as const) {
        const message = new Uint8Array(MESSAGE_BYTES).fill(round)
        expect(from.send(message)).toBe('sent')
        expect(to.receive()).toBe('message')
        expect(new Uint8Array(to.message.buffer)).toEqual(message)
        expect(to.receive()).toBe('none')
      }
    }
  })

  it('leave nothing of an earlier message behind a shorter one', () => {
    const { frontend, backend } = setUp()
    for (let slot = 0; slot < 16; slot++) {
      frontend.send(new Uint8Array(MESSAGE_BYTES).fill(255))
      backend.receive()
    }
    frontend.send(text('x'))
    backend.receive()
    expect([backend.message.getUint8(0), backend.message.getUint8(1)]).toEqual([120, 0])
  })

  it('give a copy that the sender cannot change any more', () => {
    const { frontend, backend, bytes } = setUp()
    frontend.send(text('hello'))
    backend.receive()
    bytes.fill(0)
    expect(first(backend)).toBe('h')
  })

  it('refuse a message that is too long: that is a mistake of the sender', () => {
    expect(() => setUp().frontend.send(new Uint8Array(129))).toThrow(RangeError)
  })

  it('tell of the link with one signal for each change that was taken', () => {
    const { frontend, backend, notified } = setUp()
    backend.format(false)
    expect(frontend.netUp).toBe(false)
    backend.setNetUp(true)
    backend.setNetUp(true)
    expect(notified.backend).toBe(1)
    expect(frontend.announced()).toEqual({ room: false, link: true })
    expect(frontend.netUp).toBe(true)
    expect(frontend.announced()).toEqual({ room: false, link: false })
    backend.setNetUp(false)
    expect(notified.backend).toBe(2)
  })
})

describe('a full ring', () => {
  it('scenario 18: takes eight ordinary messages, then fifteen with replies, and no more', () => {
    const { frontend } = setUp()
    for (let n = 0; n < 8; n++) expect(frontend.send(text('m'))).toBe('sent')
    expect(frontend.send(text('m'))).toBe('full')
    for (let n = 8; n < MESSAGE_USABLE; n++) expect(frontend.send(text('r'), 'reply')).toBe('sent')
    expect(frontend.send(text('r'), 'reply')).toBe('full')
    expect(frontend.room()).toBe(0)
  })

  it.each(['frontend', 'backend'] as const)(
    'scenario 18: of the %s is announced, drained, and resumed',
    (side) => {
      const pages = setUp()
      const sender = pages[side]
      const reader = side === 'frontend' ? pages.backend : pages.frontend
      for (let n = 0; n < 8; n++) sender.send(text('m'))
      expect(sender.send(text('m'))).toBe('full')
      expect(sender.send(text('m'))).toBe('full')
      // Eight messages and one flag: the second 'full' finds the flag set.
      expect(pages.notified[side]).toBe(9)
      expect(pages.word(20)).toBe(side === 'frontend' ? 4 : 1)
      expect(reader.announced()).toEqual({ room: false, link: false })
      expect(pages.word(20)).toBe(0)
      for (let n = 0; n < 8; n++) expect(reader.receive()).toBe('message')
      expect(pages.word(20)).toBe(0)
      expect(reader.receive()).toBe('none')
      expect(pages.word(20)).toBe(side === 'frontend' ? 8 : 2)
      expect(sender.announced()).toEqual({ room: true, link: false })
      expect(sender.announced()).toEqual({ room: false, link: false })
      expect(sender.send(text('m'))).toBe('sent')
    },
  )

  it('that was drained before the flag was seen is resumed all the same', () => {
    const { frontend, backend } = setUp()
    for (let n = 0; n < 8; n++) frontend.send(text('m'))
    expect(frontend.send(text('m'))).toBe('full')
    while (backend.receive() === 'message');
    backend.announced()
    expect(backend.receive()).toBe('none')
    expect(frontend.announced().room).toBe(true)
  })

  it('loses nothing and sleeps never, whatever the two ends do and when', () => {
    for (let seed = 1; seed <= 50; seed++) {
      const random = new Random(seed)
      const { frontend, backend, notified } = setUp()
      backend.format(true)
      const total = 200
      let sent = 0
      let got = 0
      let seenBackend = 0
      let seenFrontend = 0
      let blocked = false
      for (let step = 0; step < 20_000 && got < total; step++) {
        if (random.below(2) === 0) {
          if (notified.backend !== seenBackend) {
            seenBackend = notified.backend
            if (frontend.announced().room) blocked = false
          }
          if (!blocked && sent < total) {
            if (frontend.send(text(String.fromCharCode(sent))) === 'sent') sent++
            else blocked = true
          }
        } else if (notified.frontend !== seenFrontend) {
          seenFrontend = notified.frontend
          backend.announced()
          while (backend.receive() === 'message') {
            expect(
              new TextDecoder().decode(new Uint8Array(backend.message.buffer, 0, 2)).codePointAt(0),
            ).toBe(got)
            got++
          }
        }
      }
      expect([seed, got]).toEqual([seed, total])
    }
  })
})

describe('a hostile end', () => {
  it('that claims an impossible number of messages is refused and counted', () => {
    const { backend, poke } = setUp()
    for (const write of [16, 17, 0xffff_ffff, 0x8000_0000]) {
      poke(16, write)
      expect(backend.receive()).toBe('bad')
    }
    expect(backend.violations).toBe(4)
    poke(16, 0)
    expect(backend.receive()).toBe('none')
  })

  it('that claims to have read what was not sent is refused and counted', () => {
    const { backend, poke } = setUp()
    poke(4, 1)
    expect(backend.send(text('m'))).toBe('bad')
    expect(backend.room()).toBeUndefined()
    expect(backend.violations).toBe(2)
  })

  it('that scribbles over both pages makes an end neither throw nor work without bound', () => {
    const random = new Random(11)
    for (let round = 0; round < 300; round++) {
      const { bytes, frontend, backend } = setUp()
      for (let at = 4096; at < 12_288; at++) bytes[at] = random.below(256)
      for (const pages of [frontend, backend]) {
        let received = 0
        while (pages.receive() === 'message') received++
        expect(received).toBeLessThanOrEqual(MESSAGE_USABLE)
        pages.announced()
        pages.announced()
        expect(['sent', 'full', 'bad']).toContain(pages.send(text('m')))
      }
    }
  })
})

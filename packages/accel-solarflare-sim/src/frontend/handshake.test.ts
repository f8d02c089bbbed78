// The guest's part of the conversation against every order of messages; the other half is the test, over the real message
// pages. That it maps a VI is what the end-to-end tests show.
import { MessagePages, messageViews } from '@netaccel/core'
import type { Page, VifScope } from '@netaccel/core'
import { privateArena } from '@netaccel/packet'
import { describe, expect, it } from 'vitest'
import { LetterBox } from '../shared/letter-box.js'
import * as words from '../shared/words.js'
import { NO_HARDWARE } from '../backend/vi-rings.js'
import type { Allotment } from './allotment.js'
import type { Buffers } from './buffers.js'
import { Handshake } from './handshake.js'
import { MacTable } from './mac-table.js'
import { PageTable } from './page-table.js'
import { Registration } from './registration.js'

const TOTAL = 83
const ENOUGH: Allotment = { shared: 8, copy: 0, receive: 32, total: TOTAL }

/** Both ends of the pages; the guest's end with its handshake. */
class Bench {
  readonly macs = new MacTable()
  readonly failures: [text: string, fault: boolean][] = []
  readonly handshake: Handshake
  ready = 0
  refused = 0
  removed = 0
  private readonly backend: MessagePages
  private readonly letters: LetterBox
  private readonly guest: LetterBox

  constructor(allotted: Allotment | null = ENOUGH, noMemory = false) {
    const views = messageViews(privateArena(8192))
    this.backend = new MessagePages({ side: 'backend', ...views, notify() {} })
    this.backend.format(true)
    this.letters = new LetterBox(this.backend)
    this.guest = new LetterBox(new MessagePages({ side: 'frontend', ...views, notify() {} }))
    this.handshake = new Handshake({
      viScope: mappingScope(),
      letters: this.guest,
      macs: this.macs,
      allot: () => allotted ?? undefined,
      take: () => {
        if (noMemory) throw new Error('no pages left')
        return buffersOf(TOTAL)
      },
      ready: () => this.ready++,
      failed: (text, fault) => void this.failures.push([text, fault]),
      count: (what) => {
        if (what === 'macsRemoved') this.removed++
        else if (what === 'messagesRefused') this.refused++
      },
    })
  }

  /** The driver domain says something; the guest reads it. */
  say(id: number, write: (view: DataView, at: number) => void = () => {}): void {
    this.letters.reply((view, at) => {
      words.writeId(view, at, id)
      write(view, at)
    })
    this.guest.read((view, at) => this.handshake.receive(view, at))
    this.handshake.pump()
  }

  hello(version = words.PROTOCOL_VERSION): void {
    this.say(words.MSG_HELLO, (view, at) => words.writeHello(view, at, { version, maxPages: 384 }))
  }

  /** What the guest has said since the last look. */
  heard(): DataView[] {
    const messages: DataView[] = []
    this.letters.read((view) => messages.push(new DataView(view.buffer.slice(0))))
    return messages
  }

  heardIds(): string[] {
    return this.heard().map((view) => words.readId(view, 0).toString(16))
  }
}

function mappingScope(): VifScope {
  const page = { ...privateArena(4096), page: 0 as Page }
  const whole = privateArena(8192)
  return {
    map: () => ({ pages: [page], whole, unmap() {} }),
    mapIo: () => ({ write32() {}, read32: () => 0 }),
  } as unknown as VifScope
}

function buffersOf(total: number): Buffers {
  const pages = Array.from({ length: total }, (_, i) => i as Page)
  const arena = { ...privateArena(0), offset: 0, length: total * 4096, pages }
  const table = new PageTable([arena])
  return {
    pages: table,
    registration: new Registration([arena], table, (page) => page),
  } as unknown as Buffers
}

const HW: words.SetHw = {
  ...NO_HARDWARE,
  type: words.HW_FALCON_B,
  eventGrants: [1, 2],
  eventOrder: 1,
  eventCapacity: 1024,
  txCapacity: 512,
  rxCapacity: 512,
}
const setHw = (hw: words.SetHw) => (view: DataView, at: number) => words.writeSetHw(view, at, hw)
const REPLY = words.MSG_REPLY

describe('the handshake', () => {
  it('greets, maps, asks for every page, and is ready at the last answer', () => {
    const bench = new Bench()
    bench.hello()
    const [greeting] = bench.heard()
    expect(words.readId(greeting, 0)).toBe((words.MSG_HELLO | REPLY) >>> 0)
    expect(words.readHello(greeting, 0)).toEqual({ version: 0x1000, maxPages: TOTAL })
    bench.say(words.MSG_SETHW, setHw(HW))
    let asked = 0
    for (let requests = bench.heard(); requests.length > 0; requests = bench.heard()) {
      for (const request of requests) {
        expect(bench.ready).toBe(0)
        const map = words.readMapBuf(request, 0)
        asked += map.pages
        bench.say((words.MSG_MAPBUF | REPLY) >>> 0, (view, at) =>
          words.writeMapBuf(view, at, { ...map, address: 1 + map.request }),
        )
      }
    }
    expect([asked, bench.ready, bench.handshake.state, bench.failures]).toEqual([TOTAL, 1, 'ready', []])
  })

  it('bug 18: VN-07: another version is answered with ours and an error; the guest does not go on as if greeted', () => {
    const bench = new Bench()
    bench.hello(0x2000)
    const [answer] = bench.heard()
    expect(words.readId(answer, 0)).toBe((words.MSG_HELLO | REPLY | words.MSG_ERROR) >>> 0)
    expect(words.readHello(answer, 0).version).toBe(0x1000)
    expect(bench.failures).toEqual([['the other half speaks version 0x2000 of the messages', false]])
    bench.say(words.MSG_SETHW, setHw(HW))
    bench.hello()
    expect([bench.refused, bench.heard().length, bench.ready]).toEqual([2, 0, 0])
  })

  it('says no to a quota that is too small, and when there is no memory', () => {
    const small = new Bench(null)
    small.hello()
    expect([small.heardIds(), small.failures]).toEqual([
      ['c0000001'],
      [['a quota of 384 buffer pages is too small', false]],
    ])
    const poor = new Bench(ENOUGH, true)
    poor.hello()
    expect([poor.heardIds(), poor.failures]).toEqual([
      ['c0000001'],
      [[`no memory for ${TOTAL} pages of buffers: no pages left`, true]],
    ])
  })

  it.each([
    ['no hardware', NO_HARDWARE],
    ['a TX ring of 48', { ...HW, txCapacity: 48 }],
    ['a ring of more than a page', { ...HW, rxCapacity: 1024 }],
    ['an event queue that its pages do not hold', { ...HW, eventCapacity: 2048 }],
    ['fewer events than descriptors', { ...HW, eventOrder: 0, eventGrants: [1], eventCapacity: 512 }],
    ['an offset into the event pages', { ...HW, eventOffset: 8 }],
  ])('CT-02: does not use a VI with %s', (_what, hw) => {
    const bench = new Bench()
    bench.hello()
    bench.say(words.MSG_SETHW, setHw(hw))
    expect([bench.handshake.state, bench.failures.length]).toEqual(['failed', 1])
    expect(bench.failures[0]?.[0]).toMatch(/^the VI cannot be used: /)
  })

  it('CT-05: every message in every state: out of place it is refused, and the conversation lives', () => {
    const states: [string, (bench: Bench) => void][] = [
      ['none', () => {}],
      ['greeted', (bench) => bench.hello()],
      [
        'mapped',
        (bench) => {
          bench.hello()
          bench.say(words.MSG_SETHW, setHw(HW))
        },
      ],
    ]
    const ids = [1, 2, 3, 4, 5, 0, 6, 0x80000001, 0x80000003, 0x80000004, 0xc0000004, 0xffffffff]
    const inPlace: Readonly<Record<string, readonly number[]>> = {
      none: [1],
      greeted: [2],
      mapped: [0xc0000004],
    }
    for (const [state, reach] of states) {
      for (const id of ids) {
        if (inPlace[state]?.includes(id) === true) continue
        const bench = new Bench()
        reach(bench)
        bench.say(id)
        expect([state, id, bench.refused, bench.handshake.state]).toEqual([state, id, 1, state])
      }
    }
  })

  it('bug 19: LOCALMAC is obeyed in any state, also after a SETHW that failed', () => {
    const bench = new Bench()
    bench.macs.learn(0x0016, 0x3e000009)
    bench.hello()
    bench.say(words.MSG_SETHW, setHw(NO_HARDWARE))
    const mac = { high: 0x0016, low: 0x3e000009 }
    bench.say(words.MSG_LOCALMAC, (view, at) => words.writeLocalMac(view, at, { flags: 1, mac }))
    expect([bench.removed, bench.macs.size, bench.refused]).toEqual([1, 0, 0])
  })

  it('TX-11: LOCALMAC names what a VI of the same NIC has, until it takes it back; what no station can have is refused', () => {
    const bench = new Bench()
    const say = (flags: number, high: number, low: number): void =>
      bench.say(words.MSG_LOCALMAC, (view, at) =>
        words.writeLocalMac(view, at, { flags, mac: { high, low } }),
      )
    say(words.LOCALMAC_REMOVE, 0x0016, 0xfe000009)
    expect(bench.macs.has(0x0016, 0xfe000009 | 0)).toBe(true)
    say(words.LOCALMAC_ADD, 0x0016, 0xfe000009)
    expect([bench.macs.size, bench.refused]).toEqual([0, 0])
    say(words.LOCALMAC_REMOVE, 0xffff, 0xffffffff)
    say(words.LOCALMAC_REMOVE, 0, 0)
    say(words.LOCALMAC_ADD | words.LOCALMAC_REMOVE, 0x0016, 9)
    expect([bench.macs.size, bench.refused]).toEqual([0, 3])
  })

  it('CT-04: a ring that the other half does not empty holds no request up for ever', () => {
    const bench = new Bench()
    bench.hello()
    bench.say(words.MSG_SETHW, setHw(HW))
    // The greeting and six requests stand unread; more wait for answers.
    expect(bench.heardIds()).toEqual(['80000001', ...Array.from({ length: 6 }, () => '4')])
  })
})

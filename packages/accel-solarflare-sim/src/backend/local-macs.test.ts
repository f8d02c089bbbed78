// LOCALMAC over a ring that the guest does not empty: both ends of the real pages.
import { MessagePages, messageViews } from '@netaccel/core'
import { privateArena } from '@netaccel/packet'
import { describe, expect, it } from 'vitest'
import { LetterBox } from '../shared/letter-box.js'
import * as words from '../shared/words.js'
import { LocalMacs } from './local-macs.js'

/** A backend that tells, a guest that reads when it is told to. */
class Bench {
  readonly sent = { value: 0 }
  readonly told: number[] = []
  readonly macs: LocalMacs
  readonly backend: MessagePages
  /** Signals of the guest to the backend. */
  signals = 0
  private readonly guest: MessagePages

  constructor() {
    const views = messageViews(privateArena(8192))
    this.backend = new MessagePages({ side: 'backend', ...views, notify() {} })
    this.backend.format(true)
    this.guest = new MessagePages({ side: 'frontend', ...views, notify: () => this.signals++ })
    this.macs = new LocalMacs(new LetterBox(this.backend), this.sent)
  }

  tell(...lows: number[]): void {
    for (const low of lows) this.macs.tell(0x0016, low)
  }

  guestReads(): void {
    this.guest.announced()
    while (this.guest.receive() === 'message')
      this.told.push(words.readLocalMac(this.guest.message, 0).mac.low)
  }
}

const twenty = Array.from({ length: 20 }, (_, i) => i + 1)

describe('LocalMacs', () => {
  it('bug 17: a full ring is told to the guest, which says when there is room; nothing is lost', () => {
    const bench = new Bench()
    bench.tell(...twenty)
    // Ordinary messages leave half of the ring free.
    expect([bench.sent.value, bench.signals]).toEqual([8, 0])
    bench.guestReads()
    expect([bench.told, bench.signals]).toEqual([twenty.slice(0, 8), 1])
    expect(bench.backend.announced().room).toBe(true)
    bench.macs.pump()
    bench.guestReads()
    expect(bench.backend.announced().room).toBe(true)
    bench.macs.pump()
    bench.guestReads()
    expect([bench.told, bench.sent.value]).toEqual([twenty, 20])
  })

  it('says an address once while it waits, and keeps 64 of the newest', () => {
    const bench = new Bench()
    bench.tell(...twenty, ...twenty, ...Array.from({ length: 100 }, (_, i) => 1000 + i))
    for (let i = 0; i < 10; i++) {
      bench.guestReads()
      bench.backend.announced()
      bench.macs.pump()
    }
    expect(bench.told).toEqual([...twenty.slice(0, 8), ...Array.from({ length: 64 }, (_, i) => 1036 + i)])
  })
})

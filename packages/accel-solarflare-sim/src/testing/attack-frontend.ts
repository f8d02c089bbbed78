// A driver domain that writes what it likes into the pages that it shares with the frontend half: what must never come of
// it, as a list of findings.
import { MessagePages } from '@netaccel/core'
import type { GrantRef, Mapping, Page, VifScope } from '@netaccel/core'
import { privateArena, Random } from '@netaccel/packet'
import { allot } from '../frontend/allotment.js'
import type { Buffers } from '../frontend/buffers.js'
import { Handshake } from '../frontend/handshake.js'
import { MacTable } from '../frontend/mac-table.js'
import type { MappedVi } from '../frontend/mapped-vi.js'
import { PageTable } from '../frontend/page-table.js'
import { Registration } from '../frontend/registration.js'
import { LetterBox } from '../shared/letter-box.js'
import * as words from '../shared/words.js'
import { NO_HARDWARE } from '../backend/vi-rings.js'
import type { Attack } from './attack-backend.js'
import { HostilePen } from './hostile-pen.js'
import type { Draft } from './hostile-pen.js'

const MOVES = 150
/** Grants that the driver domain has given: the rings of one VI and its doorbell. */
const EVENTS = 20
const TX = 24
const RX = 25
const DOORBELL = 26
const LAST_GRANT = 40
const BAD_GRANT = -3
const ENTRY = 8
/** The stack's pages; receive buffers come to them. */
const STACK = 16

const HW: words.SetHw = {
  ...NO_HARDWARE,
  type: words.HW_FALCON_B,
  txGrant: TX,
  rxGrant: RX,
  doorbellGrant: DOORBELL,
  eventGrants: [EVENTS, EVENTS + 1],
  eventOrder: 1,
  eventCapacity: 1024,
  txCapacity: 512,
  rxCapacity: 512,
}

class Guest {
  readonly findings: string[] = []
  readonly macs = new MacTable(4)
  readonly handshake: Handshake
  readonly letters: LetterBox
  /** Group addresses that it was told of. */
  readonly groups = new Set<string>()
  ready = 0
  failed = 0
  granted = 0
  mapped = 0
  private total = 0
  private readonly pages: MessagePages

  constructor(pen: HostilePen) {
    this.pages = new MessagePages({ side: 'frontend', ...pen.views, notify() {} })
    this.letters = new LetterBox(this.pages)
    this.handshake = new Handshake({
      viScope: this.scope(),
      letters: this.letters,
      macs: this.macs,
      allot: (offer) => allot(offer, { stack: STACK, receive: 64, copy: false }),
      take: ({ total }) => this.take(total),
      ready: (vi, buffers) => this.isReady(vi, buffers),
      failed: () => void this.failed++,
      count: () => {},
    })
  }

  /** As the attachment reads: at each event of the channel. */
  read(): void {
    const { handshake, letters } = this
    this.pages.announced()
    for (let turn = 0; letters.read((view, at) => handshake.receive(view, at)) === 'more'; turn++)
      if (turn === 4) {
        this.findings.push('one notification led to reading without end')
        break
      }
    handshake.pump()
  }

  private take(total: number): Buffers {
    this.total = total
    const pages = Array.from({ length: total }, (_, i) => i as Page)
    const arena = { ...privateArena(0), offset: 0, length: total * 4096, pages }
    const table = new PageTable([arena])
    const grant = (): GrantRef => 100 + this.granted++
    return { pages: table, registration: new Registration([arena], table, grant) } as unknown as Buffers
  }

  private scope(): VifScope {
    const map = (refs: readonly GrantRef[]): Mapping | number => {
      if (refs.some((ref) => ref < EVENTS || ref > LAST_GRANT)) return BAD_GRANT
      this.mapped += refs.length
      const arena = privateArena(refs.length * 4096)
      const inOrder = refs.every((ref, i) => ref === refs[0] + i)
      return {
        pages: refs.map((ref, i) => ({
          ...arena,
          offset: arena.offset + i * 4096,
          length: 4096,
          page: ref as Page,
        })),
        ...(inOrder && { whole: arena }),
        unmap() {},
      }
    }
    const mapIo = (ref: GrantRef) =>
      ref < EVENTS || ref > LAST_GRANT ? BAD_GRANT : { write32() {}, read32: () => 0 }
    return { map, mapIo } as unknown as VifScope
  }

  private isReady(vi: MappedVi, { pages }: Buffers): void {
    this.ready++
    const { findings } = this
    for (const [ring, capacity] of [
      [vi.events, vi.eventCapacity],
      [vi.tx, vi.txCapacity],
      [vi.rx, vi.rxCapacity],
    ] as const) {
      if (capacity * ENTRY > ring.length)
        findings.push(`a ring of ${capacity} entries in ${ring.length} bytes`)
      if (capacity < 2 || (capacity & (capacity - 1)) !== 0) findings.push(`a ring of ${capacity} entries`)
    }
    if (vi.eventCapacity < vi.txCapacity + vi.rxCapacity) findings.push('more descriptors than events')
    for (let page = 0; page < this.total; page++)
      if (pages.indexOf(page * 4096) === 0) {
        findings.push('it begins with pages that the NIC does not know')
        return
      }
  }

  check(): void {
    const { findings, macs } = this
    if (this.ready > 1) findings.push('it began twice')
    if (this.failed > 1) findings.push('it failed twice')
    // Events, TX and RX ring, of the largest kind.
    if (this.mapped > words.MAX_EVENT_PAGES + 2) findings.push(`${this.mapped} pages were mapped`)
    if (this.granted > this.total) findings.push('it granted more pages than it has')
    for (const group of this.groups) {
      const [high, low] = group.split(' ').map(Number)
      if (macs.has(high, low)) findings.push('it sends to a group by the VI')
    }
  }
}

function drafts(random: Random, groups: Set<string>, asked: () => number): readonly Draft[] {
  const id =
    (word: number, write: Draft): Draft =>
    (view, at) => {
      words.writeId(view, at, word >>> 0)
      write(view, at)
    }
  const mapped = id(words.MSG_MAPBUF | words.MSG_REPLY, (view, at) =>
    words.writeMapBuf(view, at, {
      request: random.chance(0.8) ? 8 * random.below(asked() / 8 + 1) : random.next32(),
      pages: 8,
      grants: [],
      address: random.chance(0.9) ? 1 + random.below(1000) : random.next32(),
    }),
  )
  const localMac = id(words.MSG_LOCALMAC, (view, at) => {
    const mac = { high: random.below(0x10000), low: random.next32() | 0 }
    if ((mac.high & 0x100) !== 0) groups.add(`${mac.high} ${mac.low}`)
    words.writeLocalMac(view, at, { flags: 1 + random.below(2), mac })
  })
  const hello = id(words.MSG_HELLO, (view, at) =>
    words.writeHello(view, at, {
      version: random.chance(0.9) ? words.PROTOCOL_VERSION : random.next32(),
      maxPages: 64 + random.below(100),
    }),
  )
  const setHw = id(words.MSG_SETHW, (view, at) => words.writeSetHw(view, at, HW))
  return [hello, setHw, setHw, mapped, mapped, mapped, localMac, id(random.next32(), () => {})]
}

export function attackFrontend(seed: number): Attack {
  const random = new Random(`letters to the frontend ${seed}`)
  const guests: Guest[] = []
  const groups = new Set<string>()
  const pen = new HostilePen(
    random,
    'backend',
    drafts(random, groups, () => guests[0].granted),
  )
  const guest = new Guest(pen)
  guests.push(guest)
  const { findings } = guest
  try {
    // Half of the seeds begin in order, or few would come far.
    if (seed % 2 === 0) pen.say(begin, true)
    for (let i = 0; i < MOVES && findings.length === 0; i++) {
      pen.move()
      guest.read()
      for (const group of groups) guest.groups.add(group)
      guest.check()
      findings.push(...pen.trespasses())
    }
  } catch (error) {
    findings.push(`threw ${String(error)}`)
  }
  return { findings, inputs: pen.inputs, deep: guest.ready > 0 }
}

const begin: Draft = (view, at) => {
  words.writeId(view, at, words.MSG_HELLO)
  words.writeHello(view, at, { version: words.PROTOCOL_VERSION, maxPages: 100 })
}

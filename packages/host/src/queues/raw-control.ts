// A control ring that is written byte by byte. For tests.
import type { RawFrontend } from './raw-frontend.js'

/** What a control response holds. */
export interface RawAnswer {
  readonly id: number
  readonly type: number
  readonly status: number
  readonly data: number
}

const REQ_PROD = 0
const RSP_PROD = 8
const SLOTS = 64
const SLOT = 16

/** The frontend's end, on a {@link RawFrontend} that has connected with its keys. */
export class RawControl {
  readonly keys: Readonly<Record<string, string>>
  readonly #raw: RawFrontend
  readonly #at: number
  readonly #port: number
  #produced = 0

  constructor(raw: RawFrontend) {
    this.#raw = raw
    const { at, ref } = raw.ring()
    this.#at = at
    this.#port = raw.guest.events.allocUnbound(0, () => {})
    this.keys = { 'ctrl-ring-ref': String(ref), 'event-channel-ctrl': String(this.#port) }
  }

  /** One request and its answer: {id u16, type u16, data u32 × 3}, {id u16, type u16, status u32, data u32}. */
  async ask(type: number, ...data: readonly number[]): Promise<RawAnswer> {
    const index = this.#produced
    this.write(type, data)
    await this.publish(this.#produced)
    return this.answer(index)
  }

  /** Only write a request. */
  write(type: number, data: readonly number[]): void {
    const { view } = this.#raw.guest.extent
    const at = this.#slot(this.#produced)
    view.setUint16(at, 1000 + this.#produced, true)
    view.setUint16(at + 2, type, true)
    for (let index = 0; index < 3; index++) view.setUint32(at + 4 + 4 * index, data[index] ?? 0, true)
    this.#produced++
  }

  /** Show the backend requests up to `producer`, whatever that is, and raise its channel. */
  async publish(producer: number): Promise<void> {
    this.#raw.guest.extent.view.setUint32(this.#at + REQ_PROD, producer >>> 0, true)
    this.#raw.guest.events.notify(this.#port)
    await this.#raw.pass(1)
  }

  answer(index: number): RawAnswer {
    const { view } = this.#raw.guest.extent
    const at = this.#slot(index)
    return {
      id: view.getUint16(at, true),
      type: view.getUint16(at + 2, true),
      status: view.getUint32(at + 4, true),
      data: view.getUint32(at + 8, true),
    }
  }

  get answered(): number {
    return this.#raw.guest.extent.view.getUint32(this.#at + RSP_PROD, true)
  }

  /** A page with those bytes from its beginning on, granted; its reference. */
  page(bytes: ArrayLike<number>): number {
    const { extent, grants } = this.#raw.guest
    const arena = extent.allocPages(1)
    extent.bytes.set(Uint8Array.from(bytes), arena.offset)
    return grants.grant(0, arena.pages[0], 'ro')
  }

  /** The same of little-endian words. */
  words(words: readonly number[]): number {
    const bytes = new Uint8Array(4 * words.length)
    const view = new DataView(bytes.buffer)
    for (const [index, word] of words.entries()) view.setUint32(4 * index, word, true)
    return this.page(bytes)
  }

  #slot(index: number): number {
    return this.#at + SLOTS + SLOT * (index & 127)
  }
}

// A guest that writes what it likes into the pages that it shares with the backend half: what must never come of it, as a
// list of findings.
import type { BackendVif, GrantRef, Mapping, Page, Vi } from '@netaccel/core'
import { privateArena, Random } from '@netaccel/packet'
import { Conversation } from '../backend/conversation.js'
import { backendOptions } from '../backend/options.js'
import * as words from '../shared/words.js'
import { HostilePen } from './hostile-pen.js'
import type { Draft } from './hostile-pen.js'

const MOVES = 150
const QUOTA = 40
/** Grants of pages that the guest has: its two shared ones, and buffers. Others do not exist. */
const CONTROL = 8
const MESSAGES = 9
const FIRST_BUFFER = 16
const LAST_BUFFER = 80
const BAD_GRANT = -3
/** A notification leads to one reading, of 64 messages at most; more than these steps is a spin. */
const MOST_STEPS = 8

export interface Attack {
  readonly findings: string[]
  readonly inputs: number
  /** It came as far as pages in the buffer table, or a VI with all of them. */
  readonly deep: boolean
}

const KEYS: Readonly<Record<string, string>> = {
  'accel-ctrl-page': String(CONTROL),
  'accel-msg-page': String(MESSAGES),
  'accel-msg-channel': '1',
  'accel-net-channel': '2',
}

/** The doors, which record: what is mapped, what the VI has, what runs. */
class Driver {
  readonly findings: string[] = []
  readonly mapped: number[] = []
  readonly registered = new Set<number>()
  readonly counters = new Map<string, { value: number }>()
  readonly tasks: (() => Promise<void>)[] = []
  deep = false
  vis = 0
  open = 0
  ring: () => void = () => {}
  readonly vif: BackendVif
  private readonly random: Random
  private readonly pen: HostilePen

  constructor(random: Random, pen: HostilePen) {
    this.random = random
    this.pen = pen
    this.vif = this.doors()
  }

  counter(name: string): { value: number } {
    const counter = this.counters.get(name) ?? { value: 0 }
    this.counters.set(name, counter)
    return counter
  }

  /** Runs what was started; a half that starts ever more spins. */
  async settle(): Promise<void> {
    for (let step = 0; this.tasks.length > 0; step++) {
      if (step === MOST_STEPS) {
        this.findings.push('one notification led to work without end')
        this.tasks.length = 0
        return
      }
      await this.tasks.shift()?.()
    }
  }

  private doors(): BackendVif {
    const own = {
      limits: { filters: 8, bufferPages: QUOTA, multicasts: 8 },
      port: { link: true, mtu: 1500 },
      mac: '00:16:3e:00:00:01',
      peer: 1,
      signal: { aborted: false },
      keys: { readPeer: (key: string) => Promise.resolve(KEYS[key]) },
      now: () => 0,
      log: () => {},
      punish: () => {},
      counter: (name: string) => this.counter(name),
      task: (_name: string, work: () => Promise<void>) => void this.tasks.push(work),
      connect: (port: number, event: () => void) => {
        if (port === 1) this.ring = event
        return { port, notify() {}, mask() {}, unmask() {} }
      },
      arena: (pages: number) => ({
        ...privateArena(pages * 4096),
        pages: Array.from({ length: pages }, (_, i) => i),
      }),
      grant: () => 200 + this.random.below(100),
      map: (refs: readonly GrantRef[]) => this.map(refs),
      createVi: () => this.createVi(),
      child: () => this.doors(),
      close: () => {
        // What is mapped goes with the memory's scope: by then nothing may reach it (MEM-03).
        if (this.open > 0) this.findings.push('pages were unmapped under a VI that is open')
        this.mapped.length = 0
        return Promise.resolve()
      },
    }
    return own as unknown as BackendVif
  }

  private map(refs: readonly GrantRef[]): Mapping | number {
    const isShared = refs[0] === CONTROL && refs[1] === MESSAGES
    if (!isShared && refs.some((ref) => ref < FIRST_BUFFER || ref > LAST_BUFFER)) return BAD_GRANT
    if (refs.length > words.MAPBUF_MAX_PAGES) this.findings.push(`${refs.length} pages were mapped at once`)
    this.mapped.push(...refs)
    const { control, messages } = this.pen.views
    const views = isShared ? [control, messages] : refs.map(() => control)
    return {
      pages: views.map((view, i) => ({ ...view, page: refs[i] as Page })),
      unmap: () => {
        for (const ref of refs) {
          this.mapped.splice(this.mapped.indexOf(ref), 1)
          if (this.registered.has(ref) && !this.mapped.includes(ref))
            this.findings.push('a page was unmapped that the NIC still knows')
        }
      },
    }
  }

  private createVi(): Vi {
    this.vis++
    this.open++
    const role = (name: string, access: 'ro' | 'rw' | 'io', count = 1) =>
      Array.from({ length: count }, (_, i) => ({ role: name, page: i as Page, access }))
    const vi = {
      id: this.vis,
      facts: { events: 1024, tx: 512, rx: 512, instance: 1, revision: 1 },
      pages: [...role('event', 'ro', 2), ...role('tx', 'rw'), ...role('rx', 'rw'), ...role('doorbell', 'io')],
      // The buffer table may be full.
      register: (pages: readonly number[]) => {
        if (this.random.chance(0.1)) return -1
        for (const page of pages) this.registered.add(page)
        this.deep = true
        return 1
      },
      onWake: () => {},
      quiesce: () => Promise.resolve(),
      close: () => {
        this.open--
        this.registered.clear()
      },
    }
    return vi as unknown as Vi
  }

  check(): void {
    const { findings } = this
    if (this.open > 1) findings.push('a guest has more than one VI')
    const standing = this.counter('num_buffer_pages').value
    if (standing > QUOTA) findings.push(`${standing} buffer pages, the quota is ${QUOTA}`)
    const buffers = this.mapped.filter((ref) => ref >= FIRST_BUFFER).length
    if (buffers !== standing) findings.push(`${buffers} pages are mapped, ${standing} are counted`)
  }
}

const drafts = (random: Random): readonly Draft[] => {
  const id =
    (word: number, write: Draft): Draft =>
    (view, at) => {
      words.writeId(view, at, word >>> 0)
      write(view, at)
    }
  const mapBuf = id(words.MSG_MAPBUF, (view, at) => {
    const pages = random.chance(0.8) ? 1 << random.below(4) : random.below(32)
    const first = FIRST_BUFFER + random.below(LAST_BUFFER - FIRST_BUFFER)
    const grants = Array.from({ length: 8 }, (_, i) => first + i)
    words.writeMapBuf(view, at, { request: random.below(64), pages, grants, address: 0 })
  })
  return [
    id(words.MSG_HELLO | words.MSG_REPLY, (view, at) =>
      words.writeHello(view, at, { version: words.PROTOCOL_VERSION, maxPages: random.below(1000) }),
    ),
    mapBuf,
    mapBuf,
    mapBuf,
    id(words.MSG_FASTPATH, (view, at) =>
      words.writeFastPathHint(view, at, {
        flags: words.FASTPATH_REMOVE,
        mac: { high: random.below(0x10000), low: random.next32() },
        port: random.below(0x10000),
        ip: random.next32(),
        protocol: random.pick([6, 17, random.below(256)]),
      }),
    ),
    id(random.next32(), () => {}),
  ]
}

export async function attackBackend(seed: number): Promise<Attack> {
  const random = new Random(`letters to the backend ${seed}`)
  const pen = new HostilePen(random, 'frontend', drafts(random))
  const driver = new Driver(random, pen)
  const { findings, vif } = driver
  const options = backendOptions({})
  const conversation = new Conversation(vif, options, { ready: () => {}, unwanted: () => {} })
  try {
    if (!(await conversation.open())) findings.push('the conversation was not opened')
    for (let i = 0; i < MOVES && findings.length === 0; i++) {
      pen.move()
      driver.ring()
      await driver.settle()
      driver.check()
      findings.push(...pen.trespasses())
    }
    if (findings.length === 0) await stillTalks(driver, pen)
    await conversation.close(new AbortController().signal)
    if (driver.open > 0 || driver.mapped.length > 0) findings.push('something was left behind')
    if (driver.counter('num_buffer_pages').value !== 0) findings.push('buffers are counted that are gone')
  } catch (error) {
    findings.push(`threw ${String(error)}`)
  }
  return { findings, inputs: pen.inputs, deep: driver.deep }
}

/** CT-05: whatever was said before, a request that is in order is answered. */
async function stillTalks(driver: Driver, pen: HostilePen): Promise<void> {
  pen.settle()
  driver.ring()
  await driver.settle()
  const hello: Draft = (view, at) => {
    words.writeId(view, at, (words.MSG_HELLO | words.MSG_REPLY) >>> 0)
    words.writeHello(view, at, { version: words.PROTOCOL_VERSION, maxPages: QUOTA })
  }
  const request: Draft = (view, at) => {
    words.writeId(view, at, words.MSG_MAPBUF)
    words.writeMapBuf(view, at, { request: 1, pages: 1, grants: [FIRST_BUFFER], address: 0 })
  }
  const from = pen.theirIndex
  // Refused if it has been greeted before.
  pen.say(hello, true)
  pen.say(request, true)
  driver.ring()
  await driver.settle()
  const answers = pen.heard(from)
  if (!['80000004', 'c0000004'].includes(answers.at(-1) ?? ''))
    driver.findings.push(`a request in order is answered by ${answers.join(' ') || 'nothing'}`)
}

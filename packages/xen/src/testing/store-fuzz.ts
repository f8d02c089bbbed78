// A hostile domain on the store's ring page, from a seed. What is under test is handed in, so that the same run can be
// made against a package with a planted fault.
import { Random } from '@netaccel/packet'
import type * as Package from '../index.js'

type Xen = Pick<typeof Package, 'Hypervisor' | 'VirtualClock' | 'settle'>
type Domain = Package.Domain

const REQ_CONS = 2048
const REQ_PROD = 2052
const RSP_CONS = 2056
const RSP_PROD = 2060
const ERROR = 2072
/** Far more than any honest round takes. */
const STEPS_PER_ROUND = 20_000

/** Where the store's page of a domain is: the builder takes it second. */
const PAGE = 4096

interface Attack {
  readonly random: Random
  readonly guest: Domain
  readonly port: number
  /** What this attacker has put into the request ring so far. */
  prod: number
  /** The error field that the server must show from its next look on. */
  fatal: number
  /** Where the server had read to when it broke off. */
  endOfRead: number
  /** Error fields that may show any time: for an offence that the server meets only when it gets that far. */
  readonly suspected: Set<number>
}

/**
 * Plays `rounds` rounds of an attack while another domain goes on using the store. Undefined when everything held;
 * otherwise what did not.
 */
export async function attackStore(xen: Xen, seed: number, rounds: number): Promise<string | undefined> {
  const random = new Random(seed)
  const clock = new xen.VirtualClock()
  const machine = new xen.Hypervisor({ timeline: clock, name: 'fuzz' })
  const make = (name: string): Promise<Domain> => xen.settle(clock, machine.createDomain({ name, pages: 16 }))
  const dom0 = await make('Domain-0')
  const victim = await make('victim')
  const guest = await make('hostile')
  const prod = guest.extent.view.getUint32(PAGE + REQ_PROD, true)
  // From here on its own client is still: the page is the attacker's.
  guest.events.mask(1)
  const attack: Attack = { random, guest, port: 1, prod, fatal: 0, endOfRead: prod, suspected: new Set() }
  for (let round = 0; round < rounds; round++) {
    const complaint = await playRound(xen, clock, machine, attack, victim, round)
    if (complaint !== undefined) return `seed ${seed}, round ${round}: ${complaint}`
  }
  await xen.settle(clock, machine.destroyDomain(guest))
  if (dom0.resources().mappings !== 1)
    return `seed ${seed}: domain 0 holds ${dom0.resources().mappings} mappings`
  return undefined
}

async function playRound(
  xen: Xen,
  clock: InstanceType<Xen['VirtualClock']>,
  machine: InstanceType<Xen['Hypervisor']>,
  attack: Attack,
  victim: Domain,
  round: number,
): Promise<string | undefined> {
  act(attack)
  attack.guest.events.notify(attack.port)
  let steps = 0
  const value = String(round)
  try {
    await clock.run({ for: 5_000_000, until: () => ++steps > STEPS_PER_ROUND })
    if (steps > STEPS_PER_ROUND) return 'the server does not come to rest'
    await xen.settle(clock, victim.store.write('data/x', value))
    if ((await xen.settle(clock, victim.store.read('data/x'))) !== value)
      return 'the other domain read something else'
  } catch (error) {
    return `thrown: ${error instanceof Error ? error.message : String(error)}`
  }
  return judge(machine, attack)
}

function judge(machine: InstanceType<Xen['Hypervisor']>, attack: Attack): string | undefined {
  const { tree } = machine.xenstored
  if (!tree.isConsistent()) return 'the tree is not consistent'
  if (tree.get(`/local/domain/${attack.guest.id}/${LATE}`) !== undefined)
    return 'a request of a connection that is over was carried out'
  const error = attack.guest.extent.view.getUint32(PAGE + ERROR, true)
  if (attack.suspected.has(error)) attack.fatal = error
  if (attack.fatal !== 0 && error !== attack.fatal) return `error field ${error}, expected ${attack.fatal}`
  if (attack.fatal === 0 && error !== 0) return `error field ${error} for what is no offence`
  return undefined
}

/** One move. Moves that break the protocol are rare, since the connection is over with the first of them. */
function act(attack: Attack): void {
  const { random } = attack
  // Over already: whatever is done now must be ignored.
  if (attack.fatal !== 0) return random.below(2) === 0 ? scribble(attack) : sendLate(attack)
  const move = random.below(1000)
  if (move < 600) for (let left = 1 + random.below(6); left > 0; left--) sendMessage(attack)
  else if (move < 900) takeResponses(attack)
  else if (move < 970) sendMessage(attack, 1 + random.below(40))
  else if (move < 980) takeTooMuch(attack)
  else if (move < 990) breakIndex(attack)
  else announceTooMuch(attack)
}

/** Every word of the page but the error field. */
function scribble({ random, guest }: Attack): void {
  for (let count = 0; count < 8; count++)
    guest.extent.view.setUint32(PAGE + random.below(517) * 4, random.below(0x10000) * 0x10001, true)
}

/** A good request, where a server that listened on would look for it. */
function sendLate(attack: Attack): void {
  attack.prod = attack.endOfRead
  put(attack, message(11, 0, `${LATE}\0x`), attack.endOfRead)
}

/** Bytes, if there is room for all of them. */
function put(
  attack: Attack,
  bytes: readonly number[],
  cons = attack.guest.extent.view.getUint32(PAGE + REQ_CONS, true),
): void {
  const { view } = attack.guest.extent
  if (bytes.length > 1024 - ((attack.prod - cons) >>> 0)) return
  for (const byte of bytes) {
    view.setUint8(PAGE + (attack.prod & 1023), byte)
    attack.prod = (attack.prod + 1) >>> 0
  }
  view.setUint32(PAGE + REQ_PROD, attack.prod, true)
}

const words = (...numbers: number[]): number[] =>
  numbers.flatMap((number) => [number & 255, (number >>> 8) & 255, (number >>> 16) & 255, number >>> 24])

const message = (type: number, transaction: number, payload: string): number[] => {
  const bytes = [...Buffer.from(payload)]
  return [...words(type, 7, transaction, bytes.length), ...bytes]
}

const LATE = 'data/late'
const PATHS = [
  'data',
  'data/a',
  'data/a/b',
  'control/x',
  '/local/domain/2/x',
  '/',
  '',
  'data//x',
  '@releaseDomain',
  `data/${'x'.repeat(100)}`,
  '/local/domain/1/data',
]
/** What follows the path in a payload of each type that takes more. */
const REST: Readonly<Record<number, string>> = {
  4: 'token\0',
  5: 'token\0',
  11: 'value',
  14: 'n2\0r1\0',
  22: '0\0',
}
const ENDS = ['T\0', 'F\0', '\0']

/** A payload that fits the type, or, one time in four, some other. */
function payloadFor(type: number, random: Random): string {
  if (type === 6 || type === 7) return ENDS[random.below(ENDS.length)]
  const shape = random.below(4) === 0 ? random.below(24) : type
  return `${PATHS[random.below(PATHS.length)]}\0${REST[shape] ?? ''}`
}

/** A whole message, which may make sense. `noise`: so many of its bytes are others, and its length may be a lie. */
function sendMessage(attack: Attack, noise = 0): void {
  const { random } = attack
  const type = random.below(24)
  const bytes = message(type, random.below(5) === 0 ? 1 + random.below(3) : 0, payloadFor(type, random))
  // Everything but the upper bytes of the length: a message longer than the protocol allows is a move of its own.
  for (let count = 0; count < noise; count++) {
    const at = random.below(bytes.length)
    if (at >= 13 && at <= 15) continue
    if (at === 12 && random.below(20) > 0) continue
    bytes[at] = random.below(256)
    // A length that is not true makes the bytes that follow a header, which may announce anything.
    if (at === 12) attack.suspected.add(3)
  }
  put(attack, bytes)
}

/** Takes what is there, or some of it. */
function takeResponses({ random, guest }: Attack): void {
  const { view } = guest.extent
  const cons = view.getUint32(PAGE + RSP_CONS, true)
  const waiting = (view.getUint32(PAGE + RSP_PROD, true) - cons) >>> 0
  const taken = random.below(4) === 0 ? random.below(waiting + 1) : waiting
  view.setUint32(PAGE + RSP_CONS, (cons + taken) >>> 0, true)
}

/** Says that it took more than there was: an offence that shows when the server next writes. */
function takeTooMuch(attack: Attack): void {
  const { random, guest } = attack
  const { view } = guest.extent
  const ahead = [1, 1024, 0x7fffffff, 0x80000000][random.below(4)]
  const prod = view.getUint32(PAGE + RSP_PROD, true)
  const quiet =
    view.getUint32(PAGE + RSP_CONS, true) === prod && view.getUint32(PAGE + REQ_CONS, true) === attack.prod
  view.setUint32(PAGE + RSP_CONS, (prod + ahead) >>> 0, true)
  if (quiet && attack.suspected.size === 0) {
    // Everything was answered and taken, so the next request is answered at once.
    put(attack, message(2, 0, 'data\0'))
    attack.endOfRead = attack.prod
    attack.fatal = 2
  }
  attack.suspected.add(2)
}

/** The producer more than a ring ahead of the consumer. */
function breakIndex(attack: Attack): void {
  const { random, guest } = attack
  const cons = guest.extent.view.getUint32(PAGE + REQ_CONS, true)
  attack.endOfRead = cons
  const ahead = [1025, 2048, 0x7fffffff, 0x80000000, 0xfffffc00][random.below(5)]
  attack.prod = (cons + ahead) >>> 0
  guest.extent.view.setUint32(PAGE + REQ_PROD, attack.prod, true)
  attack.fatal = 2
}

/** A header that announces more than 4096 bytes, when the ring is at the start of a message. */
function announceTooMuch(attack: Attack): void {
  const { random, guest, suspected } = attack
  const { view } = guest.extent
  // Only when the server has read all there was can this be the start of a message.
  if (view.getUint32(PAGE + REQ_CONS, true) !== attack.prod || suspected.size > 0) return
  const length = [4097, 5000, 0x10000, 0xffffffff][random.below(4)]
  put(attack, words(11, 1, 0, length))
  attack.fatal = 3
}

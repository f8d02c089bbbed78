// A saved guest as bytes. After the records of Xen's migration stream (docs/specs/libxc-migration-stream.pandoc): what the guest is,
// then its pages, of which those that hold nothing are left out. Whoever reads it believes none of it.
import { createHash } from 'node:crypto'
import { Ajv } from 'ajv'
import { PAGE_SIZE } from '@netaccel/xen'
import { HostError } from '../errors.js'
import { checkWorld } from '../value/check-world.js'
import type { GuestValue } from '../value/world-value.js'
import type { Run } from './guest-memory.js'
import { guestMebibytes, pagesOf } from './memory.js'

/** What is said of a saved guest, before its pages. */
export interface GuestDescription {
  readonly name: string
  readonly value: GuestValue
  /** What its program has of its memory, and where in that anything stands: the pages that follow, in this order. */
  readonly arenas: readonly Run[]
  readonly filled: readonly Run[]
  /** Nodes under the directory `data` of the store, which is the guest's own: path below it, and value. */
  readonly data: Readonly<Record<string, string>>
}

export interface GuestImage extends GuestDescription {
  /** The bytes of a run of {@link GuestDescription.filled}, by its number there. */
  readonly pages: readonly Uint8Array[]
}

/** 16 bytes that no text has: a transfer as text is noticed by its line end, as PNG does. */
const MAGIC = new Uint8Array([...new TextEncoder().encode('netaccel guest'), 0x0a, 0x1a])
const VERSION = 1
/** Magic, version, length of the description. */
const HEAD = MAGIC.length + 8
const DIGEST = 32
const MOST_DESCRIPTION = 1 << 20

const run = {
  type: 'array',
  items: { type: 'integer', minimum: 0, maximum: 0xfffff },
  minItems: 2,
  maxItems: 2,
} as const
const runs = { type: 'array', items: run, maxItems: 0xffff } as const
const described = new Ajv().compile({
  type: 'object',
  required: ['name', 'value', 'arenas', 'filled', 'data'],
  additionalProperties: false,
  properties: {
    name: { type: 'string' },
    value: { type: 'object' },
    arenas: runs,
    filled: runs,
    data: {
      type: 'object',
      propertyNames: { pattern: '^[A-Za-z0-9_@:+-]+(/[A-Za-z0-9_@:+-]+)*$', maxLength: 1024 },
      additionalProperties: { type: 'string', maxLength: 2048 },
    },
  },
})

/** `at`: the bytes of a run of the guest's memory. */
export function writeImage(guest: GuestDescription, at: (run: Run) => Uint8Array): Uint8Array {
  const description = new TextEncoder().encode(JSON.stringify(guest))
  const pages = guest.filled.reduce((sum, [, count]) => sum + count, 0)
  const bytes = new Uint8Array(HEAD + description.length + pages * PAGE_SIZE + DIGEST)
  const view = new DataView(bytes.buffer)
  bytes.set(MAGIC)
  view.setUint32(MAGIC.length, VERSION, true)
  view.setUint32(MAGIC.length + 4, description.length, true)
  bytes.set(description, HEAD)
  let end = HEAD + description.length
  for (const each of guest.filled) {
    bytes.set(at(each), end)
    end += each[1] * PAGE_SIZE
  }
  bytes.set(digestOf(bytes.subarray(0, end)), end)
  return bytes
}

/** @throws HostError BAD_VALUE: what the bytes are not, or all that is wrong with the guest that they describe */
export function readImage(bytes: Uint8Array): GuestImage {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length < HEAD + DIGEST || MAGIC.some((byte, at) => bytes[at] !== byte))
    throw wrong('they do not begin as one does')
  const version = view.getUint32(MAGIC.length, true)
  if (version !== VERSION) throw wrong(`they are of version ${version}, and this host reads ${VERSION}`)
  const end = bytes.length - DIGEST
  const digest = digestOf(bytes.subarray(0, end))
  if (digest.some((byte, at) => bytes[end + at] !== byte)) throw wrong('they are cut short, or were changed')
  const length = view.getUint32(MAGIC.length + 4, true)
  if (length > MOST_DESCRIPTION || HEAD + length > end) throw wrong('its description does not end in them')
  const guest = readDescription(bytes.subarray(HEAD, HEAD + length))
  return { ...guest, pages: pagesIn(bytes.subarray(HEAD + length, end), guest.filled) }
}

function readDescription(text: Uint8Array): GuestDescription {
  let found: unknown
  try {
    found = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(text))
  } catch (cause) {
    throw wrong('its description is no JSON', cause)
  }
  if (!described(found)) {
    const [first] = described.errors ?? []
    throw wrong(
      `its description${first?.instancePath.replaceAll('/', '.') ?? ''} ${first?.message ?? 'is not valid'}`,
    )
  }
  const guest = found as GuestDescription
  checkGuest(guest)
  const most = pagesOf(guestMebibytes(guest.value))
  if (!follow(guest.arenas, most)) throw wrong('its memory is not what it has pages for')
  if (!follow(guest.filled, most) || !guest.filled.every((each) => within(each, guest.arenas)))
    throw wrong('it has pages that are none of its memory')
  return guest
}

/** As if it were alone in a world. @throws HostError BAD_VALUE */
function checkGuest({ name, value }: GuestDescription): void {
  const { vifs } = value as { readonly vifs?: unknown }
  const links = Object.keys(typeof vifs === 'object' ? { ...vifs } : {}).map(
    (vif) => `${name}.${vif} -> bridge`,
  )
  checkWorld({ hosts: { host: { guests: { [name]: value }, links } } })
}

/** No run is empty, no page stands in two, and none beyond the last. */
function follow(given: readonly Run[], most: number): boolean {
  const sorted = given.toSorted(([a], [b]) => a - b)
  return sorted.every(([first, count], at) => count > 0 && first + count <= (sorted[at + 1]?.[0] ?? most))
}

/** Pages of neighbouring arenas may stand in one run. */
function within([first, count]: Run, arenas: readonly Run[]): boolean {
  let left = count
  for (const [from, pages] of arenas)
    left -= Math.max(0, Math.min(first + count, from + pages) - Math.max(first, from))
  return left === 0
}

function pagesIn(bytes: Uint8Array, filled: readonly Run[]): Uint8Array[] {
  let end = 0
  const found = filled.map(([, count]) => {
    end += count * PAGE_SIZE
    return bytes.subarray(end - count * PAGE_SIZE, end)
  })
  if (end !== bytes.length) throw wrong('they have not the pages that its description names')
  return found
}

function digestOf(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest()
}

function wrong(what: string, cause?: unknown): HostError {
  return new HostError('BAD_VALUE', `The bytes are no saved guest: ${what}.`, [], cause)
}

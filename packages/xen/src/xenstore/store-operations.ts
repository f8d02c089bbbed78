import type { StoreConnection } from './connection.js'
import { formatPerm, parsePerm } from './permissions.js'
import type { Perm } from './permissions.js'
import { XenstoreError } from './store-error.js'
import { decodeText, encodeStrings, encodeText, exactStrings, splitStrings, XS } from './wire.js'

/** Paths and what to write to them. */
export type StoreEntries = Readonly<Record<string, string>> | Iterable<readonly [path: string, value: string]>

/** How often a listing that changes while it is read in parts is begun anew. */
const LISTING_TRIES = 16

/**
 * What can be done to nodes, in a transaction or outside. A path without a leading slash is below the domain's own
 * directory, `/local/domain/<domid>`. Every method rejects with XenstoreError.
 */
export class StoreOperations {
  protected readonly connection: StoreConnection
  readonly #transactionId: () => number

  constructor(connection: StoreConnection, transactionId: () => number) {
    this.connection = connection
    this.#transactionId = transactionId
  }

  /** The value of a node; undefined when there is none. EACCES may also mean that there is none. */
  async read(path: string): Promise<string | undefined> {
    const value = await this.#orMissing(this.#ask(XS.READ, encodeStrings(path), path))
    return value === undefined ? undefined : decodeText(value)
  }

  /** Writes a node, and creates it with all that is missing above it. */
  async write(path: string, value: string): Promise<void> {
    const name = encodeStrings(path)
    const bytes = encodeText(value)
    const payload = new Uint8Array(name.length + bytes.length)
    payload.set(name)
    payload.set(bytes, name.length)
    await this.#ask(XS.WRITE, payload, path)
  }

  /** Creates a node without a value; one that exists keeps its value. */
  async mkdir(path: string): Promise<void> {
    await this.#ask(XS.MKDIR, encodeStrings(path), path)
  }

  /** Removes a node and all below it. Nothing happens when there is none. */
  async rm(path: string): Promise<void> {
    await this.#orMissing(this.#ask(XS.RM, encodeStrings(path), path))
  }

  /** The names right below a node, none when there is no such node. */
  async directory(path: string): Promise<string[]> {
    try {
      const names = await this.#orMissing(this.#ask(XS.DIRECTORY, encodeStrings(path), path))
      return names === undefined ? [] : splitStrings(names, Infinity).strings
    } catch (error) {
      if (error instanceof XenstoreError && error.code === 'E2BIG') return this.#longDirectory(path)
      throw error
    }
  }

  /** The first entry names the owner and what everyone else may do. */
  async getPerms(path: string): Promise<Perm[]> {
    const payload = await this.#ask(XS.GET_PERMS, encodeStrings(path), path)
    const perms = splitStrings(payload, Infinity).strings.map(parsePerm)
    return perms.filter((perm) => perm !== undefined)
  }

  async setPerms(path: string, perms: readonly Perm[]): Promise<void> {
    await this.#ask(XS.SET_PERMS, encodeStrings(path, ...perms.map(formatPerm)), path)
  }

  /** A listing too long for one message comes in parts of one generation. */
  async #longDirectory(path: string): Promise<string[]> {
    for (let attempt = 0; attempt < LISTING_TRIES; attempt++) {
      const names = await this.#listing(path)
      if (names !== undefined) return names
    }
    throw new XenstoreError('EAGAIN', `${path} changed ${LISTING_TRIES} times while it was listed`, path)
  }

  /** Undefined: the directory changed between two parts. */
  async #listing(path: string): Promise<string[] | undefined> {
    const names: string[] = []
    let generation: string | undefined
    for (let offset = 0; ;) {
      const payload = await this.#ask(XS.DIRECTORY_PART, encodeStrings(path, String(offset)), path)
      const { strings, rest } = splitStrings(payload, Infinity)
      const [first, ...part] = strings
      if (rest < 0 || first === undefined)
        throw new XenstoreError('BROKEN', `the listing of ${path} is malformed`, path)
      if (generation !== undefined && first !== generation) return undefined
      generation = first
      const last = part.at(-1) === ''
      const found = last ? part.slice(0, -1) : part
      names.push(...found)
      if (last || found.length === 0) return names
      for (const name of found) offset += encodeText(name).length + 1
    }
  }

  async #ask(type: number, payload: Uint8Array, path: string): Promise<Uint8Array> {
    return this.connection.request(type, this.#transactionId(), payload, path)
  }

  async #orMissing(answer: Promise<Uint8Array>): Promise<Uint8Array | undefined> {
    try {
      return await answer
    } catch (error) {
      if (error instanceof XenstoreError && error.code === 'ENOENT') return undefined
      throw error
    }
  }
}

/** One NUL-terminated string of an answer. */
export function answeredString(payload: Uint8Array): string {
  return exactStrings(payload, 1)?.[0] ?? decodeText(payload)
}

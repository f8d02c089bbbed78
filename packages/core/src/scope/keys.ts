import type { Keys } from '../contract/index.js'
import { AcceleratorError } from '../errors.js'
import type { ScopeBook, Taking } from './scope-book.js'
import type { DoorStore } from './door-domain.js'

/** Keys that begin with `accel` and are the host's all the same. */
const HOST_KEYS: ReadonlySet<string> = new Set(['accel', 'accel-frontend', 'accel-phase'])
const HOST_PREFIX = 'accel-fence-'

/** Whether a plugin may write this key (CT-03). */
export function isPluginKey(key: string): boolean {
  const first = key.split('/', 1)[0] ?? ''
  return /^accel[\w@:/-]*$/.test(key) && !HOST_KEYS.has(first) && !first.startsWith(HOST_PREFIX)
}

/** The two directories of a vif: this end's, and the other end's. */
export interface VifDirectories {
  readonly own: string
  readonly peer: string
}

/** A key that a scope has written, and its value. */
interface Written {
  value: string
  readonly taking: Taking
}

/** The store keys of one vif scope; watches and written keys are recorded and end with it. */
export class KeyDoors implements Keys {
  readonly #book: ScopeBook
  readonly #store: DoorStore
  readonly #directories: VifDirectories
  readonly #written = new Map<string, Written>()
  /** Settles with the writes that are under way: what they leave is removed after them. */
  #writing: Promise<unknown> = Promise.resolve()

  constructor(book: ScopeBook, directories: VifDirectories) {
    this.#book = book
    this.#store = book.parts.domain.store
    this.#directories = directories
  }

  read(key: string): Promise<string | undefined> {
    return this.fetch(this.#directories.own, key)
  }

  readPeer(key: string): Promise<string | undefined> {
    return this.fetch(this.#directories.peer, key)
  }

  async write(entries: Readonly<Record<string, string | undefined>>): Promise<boolean> {
    const book = this.#book
    if (!book.alive()) throw closed('keys.write', book.name)
    for (const key of Object.keys(entries)) this.checkOwn(key)
    if (book.fails('keys.write')) return false
    for (const [key, value] of Object.entries(entries)) this.record(key, value)
    const writing = this.transact(entries)
    this.#writing = Promise.allSettled([this.#writing, writing])
    return writing
  }

  watch(key: string, changed: () => void): void {
    this.observe(this.#directories.own, key, changed)
  }

  watchPeer(key: string, changed: () => void): void {
    this.observe(this.#directories.peer, key, changed)
  }

  private transact(entries: Readonly<Record<string, string | undefined>>): Promise<boolean> {
    const { own } = this.#directories
    return this.#store.transaction(async (tx) => {
      if ((await tx.read(own)) === undefined) return false
      for (const [key, value] of Object.entries(entries)) {
        if (value !== undefined) await tx.write(`${own}/${key}`, value)
        else if ((await tx.read(`${own}/${key}`)) !== undefined) await tx.rm(`${own}/${key}`)
      }
      return true
    })
  }

  private record(key: string, value: string | undefined): void {
    const before = this.#written.get(key)
    if (value === undefined) this.forget(key)
    else if (before !== undefined) before.value = value
    else this.#written.set(key, { value, taking: this.#book.take('key', key, () => this.remove(key)) })
  }

  /** The plugin removes the key itself, with what is below it. */
  private forget(key: string): void {
    for (const [written, { taking }] of this.#written) {
      if (written !== key && !written.startsWith(`${key}/`)) continue
      this.#book.forget(taking)
      this.#written.delete(written)
    }
  }

  /** Unless somebody has written the key since; it is theirs now. */
  private async remove(key: string): Promise<void> {
    await this.#writing
    const ours = this.#written.get(key)
    this.#written.delete(key)
    if (ours === undefined) return
    const { own } = this.#directories
    await this.#store.transaction(async (tx) => {
      if ((await tx.read(`${own}/${key}`)) !== ours.value) return
      await tx.rm(`${own}/${key}`)
      // Nodes between the directory and the key came into being with it, and go with the last key below them.
      const parts = key.split('/')
      while (parts.pop() !== undefined && parts.length > 0) {
        const node = `${own}/${parts.join('/')}`
        if ((await tx.read(node)) !== '' || (await tx.directory(node)).length > 0) return
        await tx.rm(node)
      }
    })
  }

  private async fetch(directory: string, key: string): Promise<string | undefined> {
    const book = this.#book
    if (!book.alive()) throw closed('keys.read', book.name)
    if (book.fails('keys.read')) return undefined
    return this.#store.read(`${directory}/${key}`)
  }

  /** The store's watch only marks the change: `changed` runs from the engine's soft interrupt, several merged. */
  private observe(directory: string, key: string, changed: () => void): void {
    const book = this.#book
    book.enter('keys.watch')
    const { engine } = book.parts
    let marked = false
    const mark = () => {
      if (marked) return
      marked = true
      engine.defer(() => {
        marked = false
        if (book.open) book.guard(`the watch on ${key}`, changed)
      })
    }
    const registered = this.#store.watch(`${directory}/${key}`, mark)
    registered.catch((cause: unknown) =>
      book.parts.log('error', book.name, `no watch on ${directory}/${key}`, cause),
    )
    book.take('watch', key, async () => {
      const watch = await registered.catch(() => undefined)
      await watch?.unwatch()
    })
  }

  private checkOwn(key: string): void {
    if (isPluginKey(key)) return
    this.#book.parts.tally.violation('CT-03')
    throw new AcceleratorError('BAD_KEY', `'${key}' in the vif's directory cannot be written by a plugin`)
  }
}

function closed(door: string, scope: string): AcceleratorError {
  return new AcceleratorError('CLOSED', `${door}: the scope '${scope}' is closed`)
}

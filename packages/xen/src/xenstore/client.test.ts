import { describe, expect, it } from 'vitest'
import type { Domain } from '../domain.js'
import { testHost } from '../testing/two-domains.js'
import { TRANSACTION_TRIES } from './client.js'
import { ERROR, RSP_PROD } from './ring-page.js'

/** The domain's store page, as domain building lays it out: its second page. */
const storePage = (domain: Domain): number => 4096 + domain.extent.offset

describe('XenstoreClient', () => {
  it('reads, writes, lists, makes, removes; a missing node is no error', async () => {
    const { guests, wait } = await testHost(1)
    const { store } = guests[0]
    await wait(store.write('data/a/b', 'grüße'))
    expect(await wait(store.read('data/a/b'))).toBe('grüße')
    expect(await wait(store.read('data/none'))).toBeUndefined()
    expect(await wait(store.directory('data'))).toEqual(['a'])
    expect(await wait(store.directory('data/none'))).toEqual([])
    await wait(store.mkdir('data/c'))
    expect(await wait(store.directory('data'))).toEqual(['a', 'c'])
    await wait(store.rm('data/a'))
    await wait(store.rm('data/a'))
    await wait(store.rm('data/x/y/z'))
    expect(await wait(store.directory('data'))).toEqual(['c'])
    await wait(
      store.setPerms('data/c', [
        { domid: 1, letter: 'n' },
        { domid: 0, letter: 'b' },
      ]),
    )
    expect(await wait(store.getPerms('data/c'))).toEqual([
      { domid: 1, letter: 'n' },
      { domid: 0, letter: 'b' },
    ])
    expect(await wait(store.getDomainPath(5))).toBe('/local/domain/5')
  })

  it('says what failed, where, and with which errno', async () => {
    const { guests, wait } = await testHost(1)
    const failure = wait(guests[0].store.write('/forbidden', 'x'))
    await expect(failure).rejects.toMatchObject({
      name: 'XenstoreError',
      code: 'EACCES',
      path: '/forbidden',
      message: 'WRITE of /forbidden failed with EACCES',
    })
    await expect(wait(guests[0].store.write('data/a', 'x'.repeat(5000)))).rejects.toMatchObject({
      code: 'E2BIG',
    })
  })

  it('moves more through the ring than it holds, many requests at a time', async () => {
    const { dom0, guests, wait } = await testHost(1)
    const { store } = guests[0]
    const value = (index: number): string => String(index).repeat(600)
    await wait(
      Promise.all(Array.from({ length: 100 }, (_, index) => store.write(`data/${index}`, value(index)))),
    )
    const values = await wait(
      Promise.all(Array.from({ length: 100 }, (_, index) => store.read(`data/${index}`))),
    )
    expect(values).toEqual(Array.from({ length: 100 }, (_, index) => value(index)))
    await wait(dom0.store.write('/big', 'v'.repeat(4000)))
    await wait(dom0.store.setPerms('/big', [{ domid: 0, letter: 'r' }]))
    expect(await wait(store.read('/big'))).toHaveLength(4000)
  })

  it('lists a directory that does not fit one message', async () => {
    const { dom0, wait } = await testHost(0)
    const names = Array.from({ length: 900 }, (_, index) => `a-name-of-some-length-${index}`)
    await wait(dom0.store.writeAll(names.map((name) => [`/long/${name}`, ''] as const)))
    expect(await wait(dom0.store.directory('/long'))).toEqual(names)
  })
})

describe('watches of a client', () => {
  it("fire once at once, then at each change, in order, on the domain's own engine", async () => {
    const { clock, dom0, guests, wait } = await testHost(1)
    const [guest] = guests
    const seen: string[] = []
    let set = false
    const watch = await wait(
      guest.store
        .watch('data', (path) => {
          expect(set).toBe(true)
          seen.push(path)
        })
        .then((result) => {
          set = true
          return result
        }),
    )
    await clock.run()
    expect(seen).toEqual(['data'])
    for (const key of ['c', 'a', 'b']) await wait(dom0.store.write(`/local/domain/1/data/${key}`, '1'))
    await clock.run()
    expect(seen).toEqual(['data', 'data/c', 'data/a', 'data/b'])
    expect(guest.resources().watches).toBe(1)
    await wait(watch.unwatch())
    await wait(watch.unwatch())
    await wait(guest.store.write('data/d', '1'))
    await clock.run()
    expect(seen).toHaveLength(4)
    expect(guest.resources().watches).toBe(0)
  })

  it('a callback that was taken away does not run for an event under way', async () => {
    const { clock, guests, wait } = await testHost(1)
    const { store } = guests[0]
    let ran = 0
    const watch = await wait(store.watch('data', () => ran++))
    await clock.run()
    const writing = store.write('data/x', '1')
    const unwatching = watch.unwatch()
    await wait(Promise.all([writing, unwatching]))
    await clock.run()
    expect(ran).toBe(1)
  })

  it('a failed watch leaves nothing behind', async () => {
    const { guests, wait } = await testHost(1)
    await expect(wait(guests[0].store.watch('bad//path', () => {}))).rejects.toMatchObject({ code: 'EINVAL' })
    expect(guests[0].store.watches).toBe(0)
  })
})

describe('transactions of a client', () => {
  it('run again when another changed what they read: concurrent increments are all counted', async () => {
    const { dom0, guests, wait } = await testHost(3)
    await wait(dom0.store.write('/counter', '0'))
    await wait(dom0.store.setPerms('/counter', [{ domid: 0, letter: 'b' }]))
    let attempts = 0
    const increment = (domain: Domain): Promise<void> =>
      domain.store.transaction(async (tx) => {
        attempts++
        const value = Number(await tx.read('/counter'))
        await tx.write('/counter', String(value + 1))
      })
    await wait(Promise.all(guests.flatMap((guest) => Array.from({ length: 5 }, () => increment(guest)))))
    expect(await wait(dom0.store.read('/counter'))).toBe('15')
    expect(attempts).toBeGreaterThan(15)
  })

  it('give up after a bounded number of conflicts', async () => {
    const { dom0, wait } = await testHost(0)
    let attempts = 0
    const hopeless = dom0.store.transaction(async (tx) => {
      attempts++
      await tx.read('/x')
      await dom0.store.write('/x', String(attempts))
    })
    await expect(wait(hopeless)).rejects.toMatchObject({ code: 'EAGAIN' })
    expect(attempts).toBe(TRANSACTION_TRIES)
  })

  it('are undone when the work throws, and are of no use afterwards', async () => {
    const { dom0, wait } = await testHost(0)
    let kept: { read: (path: string) => Promise<unknown> } | undefined
    const failing = dom0.store.transaction(async (tx) => {
      kept = tx
      await tx.write('/x', '1')
      throw new Error('changed my mind')
    })
    await expect(wait(failing)).rejects.toThrow('changed my mind')
    expect(await wait(dom0.store.read('/x'))).toBeUndefined()
    await expect(kept?.read('/x')).rejects.toMatchObject({ code: 'BAD_STATE' })
  })

  it('writeAll writes all or nothing', async () => {
    const { guests, wait } = await testHost(1)
    const { store } = guests[0]
    await expect(wait(store.writeAll({ 'data/a': '1', '/forbidden': '1' }))).rejects.toMatchObject({
      code: 'EACCES',
    })
    expect(await wait(store.read('data/a'))).toBeUndefined()
    await wait(
      store.writeAll([
        ['data/a', '1'],
        ['data/b', '2'],
      ]),
    )
    expect(await wait(store.read('data/b'))).toBe('2')
  })
})

describe('a server that is not well', () => {
  it('a client whose page shows an error, or an impossible index, rejects what waits and what comes', async () => {
    for (const spoil of [
      (guest: Domain) => guest.extent.view.setUint32(storePage(guest) + ERROR, 3, true),
      (guest: Domain) => guest.extent.view.setUint32(storePage(guest) + RSP_PROD, 0x80000000, true),
    ]) {
      const { guests } = await testHost(1)
      const [guest] = guests
      const waiting = guest.store.read('name')
      spoil(guest)
      guest.store.ready()
      await expect(waiting).rejects.toMatchObject({ code: 'BROKEN' })
      await expect(guest.store.read('name')).rejects.toMatchObject({ code: 'BROKEN' })
    }
  })
})

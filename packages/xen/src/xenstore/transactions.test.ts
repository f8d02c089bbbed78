import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { rawServer } from '../testing/raw-store.js'
import { XS } from './wire.js'

async function store() {
  const world = rawServer()
  const dom0 = world.client(0)
  await dom0.ask(XS.WRITE, '/a|1')
  await dom0.ask(XS.WRITE, '/b|1')
  await dom0.ask(XS.MKDIR, '/local/domain/1|')
  await dom0.ask(XS.SET_PERMS, '/local/domain/1|n1|')
  return { ...world, dom0, guest: world.client(1) }
}

describe('transactions', () => {
  it('numbers from 1; changes are seen inside at once, outside at the end', async () => {
    const { dom0 } = await store()
    expect(await dom0.ask(XS.TRANSACTION_START, '|')).toBe('1|')
    expect(await dom0.ask(XS.TRANSACTION_START, '|')).toBe('2|')
    await dom0.ask(XS.WRITE, '/a|2', 1)
    await dom0.ask(XS.WRITE, '/new/x|3', 1)
    expect(await dom0.ask(XS.READ, '/a|', 1)).toBe('2')
    expect(await dom0.ask(XS.DIRECTORY, '/new|', 1)).toBe('x|')
    expect(await dom0.ask(XS.READ, '/a|')).toBe('1')
    expect(await dom0.ask(XS.READ, '/new/x|', 2)).toBe('!ENOENT')
    expect(await dom0.ask(XS.TRANSACTION_END, 'T|', 1)).toBe('OK|')
    expect(await dom0.ask(XS.READ, '/a|')).toBe('2')
    expect(await dom0.ask(XS.READ, '/new/x|')).toBe('3')
    expect(await dom0.ask(XS.READ, '/a|', 1)).toBe('!ENOENT')
  })

  it('F undoes everything', async () => {
    const { dom0, server } = await store()
    const size = server.tree.size
    const id = await dom0.begin()
    await dom0.ask(XS.WRITE, '/a/b/c|2', id)
    await dom0.ask(XS.RM, '/b|', id)
    expect(await dom0.ask(XS.TRANSACTION_END, 'F|', id)).toBe('OK|')
    expect(server.tree.size).toBe(size)
    expect(await dom0.ask(XS.READ, '/b|')).toBe('1')
  })

  it('EAGAIN when what was read has changed, also when what was missing has come', async () => {
    const { dom0 } = await store()
    for (const [read, change] of [
      ['/a', '/a|9'],
      ['/later', '/later|9'],
    ]) {
      const id = await dom0.begin()
      await dom0.ask(XS.READ, `${read}|`, id)
      await dom0.ask(XS.WRITE, '/b|7', id)
      await dom0.ask(XS.WRITE, change)
      expect(await dom0.ask(XS.TRANSACTION_END, 'T|', id)).toBe('!EAGAIN')
      expect(await dom0.ask(XS.READ, '/b|')).toBe('1')
      expect(await dom0.ask(XS.TRANSACTION_END, 'T|', id)).toBe('!ENOENT')
    }
  })

  it('reads give the node as first touched', async () => {
    const { dom0 } = await store()
    const id = await dom0.begin()
    expect(await dom0.ask(XS.READ, '/a|', id)).toBe('1')
    await dom0.ask(XS.WRITE, '/a|2')
    expect(await dom0.ask(XS.READ, '/a|', id)).toBe('1')
    await dom0.ask(XS.WRITE, '/b|2')
    expect(await dom0.ask(XS.READ, '/b|', id)).toBe('2')
  })

  it('blind writes do not conflict, and merge with what others did to the node', async () => {
    const { dom0, server } = await store()
    const id = await dom0.begin()
    await dom0.ask(XS.WRITE, '/a|mine', id)
    await dom0.ask(XS.WRITE, '/a|theirs')
    await dom0.ask(XS.WRITE, '/a/child|1')
    await dom0.ask(XS.SET_PERMS, '/a|r3|')
    expect(await dom0.ask(XS.TRANSACTION_END, 'T|', id)).toBe('OK|')
    expect(await dom0.ask(XS.READ, '/a|')).toBe('mine')
    expect(await dom0.ask(XS.DIRECTORY, '/a|')).toBe('child|')
    expect(await dom0.ask(XS.GET_PERMS, '/a|')).toBe('r3|')
    expect(server.tree.isConsistent()).toBe(true)
  })

  it('a blind write of a node that is gone by the end is EAGAIN, not an orphan', async () => {
    const { dom0, server } = await store()
    await dom0.ask(XS.WRITE, '/d/e|1')
    const id = await dom0.begin()
    await dom0.ask(XS.WRITE, '/d/e|2', id)
    await dom0.ask(XS.RM, '/d|')
    expect(await dom0.ask(XS.TRANSACTION_END, 'T|', id)).toBe('!EAGAIN')
    expect(server.tree.isConsistent()).toBe(true)
  })

  it('two that create in one directory conflict; no child is lost', async () => {
    const { dom0 } = await store()
    const [one, two] = [await dom0.begin(), await dom0.begin()]
    await dom0.ask(XS.WRITE, '/a/one|1', one)
    await dom0.ask(XS.WRITE, '/a/two|1', two)
    expect(await dom0.ask(XS.TRANSACTION_END, 'T|', one)).toBe('OK|')
    expect(await dom0.ask(XS.TRANSACTION_END, 'T|', two)).toBe('!EAGAIN')
    expect(await dom0.ask(XS.DIRECTORY, '/a|')).toBe('one|')
  })

  it('watches fire at the end, once for each node, before the OK', async () => {
    const { dom0 } = await store()
    await dom0.ask(XS.WATCH, '/a|t|')
    const id = await dom0.begin()
    expect(await dom0.ask(XS.WRITE, '/a|2', id)).toBe('OK|')
    expect(await dom0.ask(XS.WRITE, '/a|3', id)).toBe('OK|')
    expect(await dom0.ask(XS.WRITE, '/a/x|3', id)).toBe('OK|')
    expect(await dom0.ask(XS.TRANSACTION_END, 'T|', id)).toBe('*/a|t| */a/x|t| OK|')
  })

  it('XSA-421: a node created and removed in one transaction leaves nothing', async () => {
    const { guest, server } = await store()
    await guest.ask(XS.WATCH, 'a|t|')
    const owned = server.tree.owned(1)
    const id = await guest.begin()
    await guest.ask(XS.WRITE, 'a/b/c|1', id)
    await guest.ask(XS.RM, 'a|', id)
    expect(await guest.ask(XS.TRANSACTION_END, 'T|', id)).toBe('OK|')
    expect(server.tree.owned(1)).toBe(owned)
    expect(await guest.ask(XS.READ, 'a|')).toBe('!ENOENT')
  })

  it('11 for a guest, then ENOSPC; inside one EBUSY; wrong payloads EINVAL; unknown ids ENOENT', async () => {
    const { guest } = await store()
    const answers: string[] = []
    for (let start = 0; start < 12; start++) answers.push(await guest.ask(XS.TRANSACTION_START, '|'))
    expect(answers).toEqual([...Array.from({ length: 11 }, (_, index) => `${index + 1}|`), '!ENOSPC'])
    expect(await guest.ask(XS.TRANSACTION_START, '|', 1)).toBe('!EBUSY')
    for (const payload of ['', 'T', 'x|', 'T|T|'])
      expect(await guest.ask(XS.TRANSACTION_END, payload, 1)).toBe('!EINVAL')
    expect(await guest.ask(XS.TRANSACTION_END, 'T|')).toBe('!ENOENT')
    expect(await guest.ask(XS.READ, 'x|', 77)).toBe('!ENOENT')
    // WATCH and its kind do not look at the id (XSA-481: RESET_WATCHES inside a transaction).
    expect(await guest.ask(XS.WATCH, 'x|t|', 77)).toBe('OK| *x|t|')
    expect(await guest.ask(XS.RESET_WATCHES, '|', 3)).toBe('OK|')
    expect(await guest.ask(XS.READ, 'x|', 1)).toBe('!ENOENT')
    expect(await guest.ask(XS.TRANSACTION_START, '|')).toBe('12|')
  })

  it("one client's transaction is nothing to another", async () => {
    const { dom0, guest } = await store()
    expect(await dom0.begin()).toBe(1)
    expect(await guest.ask(XS.READ, 'x|', 1)).toBe('!ENOENT')
    expect(await guest.begin()).toBe(1)
  })

  it('a guest that touches more than 1024 nodes in one transaction loses it', async () => {
    const { dom0, guest } = await store()
    for (let node = 0; node < 1100; node++) await dom0.ask(XS.WRITE, `/local/domain/1/n${node}|`)
    const id = await guest.begin()
    const answers: string[] = []
    for (let node = 0; node < 1030; node++) answers.push(await guest.ask(XS.READ, `n${node}|`, id))
    expect(answers.indexOf('!ENOSPC')).toBe(1024)
    expect(await guest.ask(XS.TRANSACTION_END, 'T|', id)).toBe('!ENOMEM')
  })

  it('quotas bind inside too: a transaction cannot leave more than 1000 nodes', async () => {
    const { guest, server } = await store()
    const id = await guest.begin()
    for (let node = 0; node < 900; node++) await guest.ask(XS.WRITE, `d${node % 3}/n${node}|`, id)
    for (let node = 0; node < 200; node++) await guest.ask(XS.WRITE, `e${node % 3}/n${node}|`)
    expect(await guest.ask(XS.TRANSACTION_END, 'T|', id)).toMatch(/^!(EAGAIN|ENOSPC)$/)
    expect(server.tree.owned(1)).toBeLessThanOrEqual(1000)
  })
})

describe('serialisability', () => {
  it('increments of shared counters by interleaved transactions are never lost', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ who: fc.nat(2), key: fc.nat(1) }), { minLength: 5, maxLength: 60 }),
        async (plan) => {
          const { dom0 } = await store()
          for (const key of [0, 1]) await dom0.ask(XS.WRITE, `/k${key}|0`)
          const open: ({ id: number; key: number; value: number } | undefined)[] = [
            undefined,
            undefined,
            undefined,
          ]
          const committed = [0, 0]
          for (const { who, key } of plan) {
            const running = open[who]
            if (running === undefined) {
              const id = await dom0.begin()
              open[who] = { id, key, value: Number(await dom0.ask(XS.READ, `/k${key}|`, id)) }
              continue
            }
            await dom0.ask(XS.WRITE, `/k${running.key}|${running.value + 1}`, running.id)
            if ((await dom0.ask(XS.TRANSACTION_END, 'T|', running.id)) === 'OK|') committed[running.key]++
            open[who] = undefined
          }
          for (const key of [0, 1]) expect(await dom0.ask(XS.READ, `/k${key}|`)).toBe(String(committed[key]))
        },
      ),
      { seed: 5, numRuns: 40 },
    )
  })
})

import { describe, expect, it } from 'vitest'
import { rawServer } from '../testing/raw-store.js'
import { XS } from './wire.js'

async function store() {
  const world = rawServer()
  const dom0 = world.client(0)
  await dom0.ask(XS.MKDIR, '/local/domain/1|')
  await dom0.ask(XS.SET_PERMS, '/local/domain/1|n1|')
  return { ...world, dom0, guest: world.client(1) }
}

describe('WATCH', () => {
  it('answers, then fires once at once; later for the node, and for all below it', async () => {
    const { dom0 } = await store()
    expect(await dom0.ask(XS.WATCH, '/a|t|')).toBe('OK| */a|t|')
    // The event of one's own write comes before its OK.
    expect(await dom0.ask(XS.WRITE, '/a/b|1')).toBe('*/a/b|t| OK|')
    expect(await dom0.ask(XS.WRITE, '/ab|1')).toBe('OK|')
    expect(await dom0.ask(XS.MKDIR, '/a/b|')).toBe('OK|')
    expect(await dom0.ask(XS.SET_PERMS, '/a|n1|')).toBe('*/a|t| OK|')
    expect(await dom0.ask(XS.RM, '/a|')).toBe('*/a|t| OK|')
  })

  it('two watches on one path, by token; the same twice is EEXIST', async () => {
    const { dom0 } = await store()
    await dom0.ask(XS.WATCH, '/a|t|')
    expect(await dom0.ask(XS.WATCH, '/a|t|')).toBe('!EEXIST')
    await dom0.ask(XS.WATCH, '/a|u|')
    expect(await dom0.ask(XS.WRITE, '/a|1')).toBe('*/a|t| */a|u| OK|')
    expect(await dom0.ask(XS.UNWATCH, '/a|t|')).toBe('OK|')
    expect(await dom0.ask(XS.UNWATCH, '/a|t|')).toBe('!ENOENT')
    expect(await dom0.ask(XS.WRITE, '/a|2')).toBe('*/a|u| OK|')
  })

  it('the events of a relative watch carry relative paths', async () => {
    const { dom0, guest } = await store()
    expect(await guest.ask(XS.WATCH, 'device|d|')).toBe('OK| *device|d|')
    await dom0.ask(XS.WRITE, '/local/domain/1/device/vif/0/state|1')
    expect(await guest.take()).toEqual(['*device/vif/0/state|d|'])
    expect(await guest.ask(XS.WATCH, '/local/domain/1/device|d|')).toBe('!EEXIST')
  })

  it('the removal of an ancestor fires each watch below with its own path', async () => {
    const { dom0 } = await store()
    await dom0.ask(XS.WRITE, '/a/b/c|1')
    for (const path of ['/a/b/c', '/a/b', '/a/x']) await dom0.ask(XS.WATCH, `${path}|t|`)
    expect(await dom0.ask(XS.RM, '/a|')).toBe('*/a/b|t| */a/b/c|t| OK|')
  })

  it('XSA-115: no event for who may read neither the node nor the one above', async () => {
    const { dom0, guest } = await store()
    await guest.ask(XS.WATCH, '/|all|')
    await dom0.ask(XS.WRITE, '/secret/key|1')
    await dom0.ask(XS.RM, '/secret/key|')
    expect(await guest.take()).toEqual([])
    await dom0.ask(XS.WRITE, '/secret/key|1')
    await dom0.ask(XS.SET_PERMS, '/secret/key|n0|r1|')
    expect(await guest.take()).toEqual(['*/secret/key|all|'])
    // Taken away again: whoever could read it hears of that too.
    await dom0.ask(XS.SET_PERMS, '/secret/key|n0|')
    expect(await guest.take()).toEqual(['*/secret/key|all|'])
    await dom0.ask(XS.WRITE, '/secret/key|2')
    expect(await guest.take()).toEqual([])
    await dom0.ask(XS.SET_PERMS, '/secret|r0|')
    await guest.take()
    await dom0.ask(XS.WRITE, '/secret/key|3')
    expect(await guest.take()).toEqual(['*/secret/key|all|'])
  })

  it('XSA-326: an event that waits already is not queued again', async () => {
    const { dom0, guest } = await store()
    await guest.ask(XS.WATCH, 'a|t|')
    guest.takes = false
    await dom0.ask(XS.WRITE, '/local/domain/1/a|0')
    for (let write = 0; write < 500; write++) await dom0.ask(XS.WRITE, '/local/domain/1/a|1')
    expect(guest.stream.session.queued).toBe(1)
    guest.takes = true
    guest.stream.drained()
    expect(await guest.take(1_000_000)).toEqual(['*a|t|', '*a|t|'])
    await dom0.ask(XS.WRITE, '/local/domain/1/a|2')
    expect(await guest.take()).toEqual(['*a|t|'])
  })

  it('XSA-324: an event whose path and token do not fit a message is dropped, the client lives', async () => {
    const { dom0, guest } = await store()
    const token = 't'.repeat(4000)
    expect(await guest.ask(XS.WATCH, `a|${token}|`)).toBe(`OK| *a|${token}|`)
    await dom0.ask(XS.WRITE, `/local/domain/1/a/${'b'.repeat(200)}|1`)
    expect(await guest.take()).toEqual([])
    expect(await guest.ask(XS.READ, 'a|')).toBe('')
  })

  it('129 watches for a guest, then E2BIG', async () => {
    const { guest } = await store()
    const answers: string[] = []
    for (let watch = 0; watch < 131; watch++) answers.push(await guest.ask(XS.WATCH, `a|${watch}|`))
    expect(answers.findIndex((answer) => answer === '!E2BIG')).toBe(129)
    expect(await guest.ask(XS.RESET_WATCHES, '|')).toBe('OK|')
    expect(await guest.ask(XS.WATCH, 'a|again|')).toBe('OK| *a|again|')
  })

  it('special names: any domain may watch, only who is permitted hears', async () => {
    const { dom0, guest, server } = await store()
    expect(await guest.ask(XS.WATCH, '@releaseDomain|t|')).toBe('OK| *@releaseDomain|t|')
    await dom0.ask(XS.WATCH, '@releaseDomain|t|')
    const fire = (): void =>
      server.watches.fire(
        {
          path: '@releaseDomain',
          exact: true,
          node: {
            generation: 0,
            perms: server.specialPerms('@releaseDomain')!,
            value: new Uint8Array(0),
            children: [],
          },
          parentPerms: server.specialPerms('@releaseDomain')!,
        },
        undefined,
      )
    fire()
    expect(await guest.take()).toEqual([])
    expect(await dom0.take()).toEqual(['*@releaseDomain|t|'])
    expect(await guest.ask(XS.SET_PERMS, '@releaseDomain|r0|')).toBe('!EACCES')
    expect(await dom0.ask(XS.SET_PERMS, '@releaseDomain|n0|r1|')).toBe('OK|')
    expect(await dom0.ask(XS.GET_PERMS, '@releaseDomain|')).toBe('n0|r1|')
    expect(await dom0.ask(XS.GET_PERMS, '@other|')).toBe('!ENOENT')
    fire()
    expect(await guest.take()).toEqual(['*@releaseDomain|t|'])
  })
})

describe('a client that does not read', () => {
  it('its event is dropped after 20 s, and throttles the writer until then', async () => {
    const { clock, dom0, guest, client } = await store()
    const writer = client(2)
    await dom0.ask(XS.MKDIR, '/open|')
    await dom0.ask(XS.SET_PERMS, '/open|b0|')
    await guest.ask(XS.WATCH, '/open|t|')
    guest.takes = false
    await writer.ask(XS.WRITE, '/open/first|')
    for (let write = 0; write < 60; write++) writer.send(XS.WRITE, `/open/n${write}|`)
    // One event went into the stream that then stopped taking; 20 others are outstanding for the writer.
    expect((await writer.take(1_000_000)).length).toBe(20)
    expect(writer.stream.session.outstanding).toBe(20)
    expect(guest.stream.session.queued).toBe(20)
    // Domain 0 and the silent client itself are still served.
    expect(await dom0.ask(XS.READ, '/open/n0|')).toBe('')
    await clock.run({ for: 19_000_000_000 })
    expect(guest.stream.session.queued).toBe(20)
    expect((await writer.take(2_000_000_000)).length).toBe(20)
    await clock.run()
    expect((await writer.take()).length).toBe(20)
    expect(guest.stream.session.queued).toBe(0)
  })

  it('its own answers stay queued, and its requests wait, at 20 outstanding', async () => {
    const { guest } = await store()
    guest.takes = false
    for (let request = 0; request < 100; request++) guest.send(XS.READ, 'missing|')
    expect((await guest.take(1_000_000)).length).toBe(1)
    expect(guest.stream.session.outstanding).toBe(20)
    guest.takes = true
    guest.stream.drained()
    expect((await guest.take(1_000_000)).length).toBe(99)
    expect(guest.stream.session.outstanding).toBe(0)
  })
})

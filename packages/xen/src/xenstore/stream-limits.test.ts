import { describe, expect, it } from 'vitest'
import { rawServer } from '../testing/raw-store.js'
import { encodeMessage, encodeText, XS } from './wire.js'

describe('a client over a socket', () => {
  it('is denied nothing but what the toolstack of the host does itself', async () => {
    const socket = rawServer().socket()
    expect(await socket.ask(XS.WRITE, '/local/domain/3/x|1')).toBe('OK|')
    expect(await socket.ask(XS.SET_PERMS, '/local/domain/3|n3|r0|')).toBe('OK|')
    expect(await socket.ask(XS.INTRODUCE, '3|1|1|')).toBe('!EACCES')
    expect(await socket.ask(XS.RELEASE, '3|')).toBe('!EACCES')
    expect(await socket.ask(XS.IS_DOMAIN_INTRODUCED, '3|')).toBe('F|')
  })

  it('may have a bounded number of watches and transactions', async () => {
    const socket = rawServer().socket({
      watches: 3,
      transactions: 1,
      transactionNodes: 2,
      outstanding: 8,
      memory: 4096,
    })
    for (let n = 0; n < 4; n++) expect(await socket.ask(XS.WATCH, `/a|${n}|`)).toBe(`OK| */a|${n}|`)
    expect(await socket.ask(XS.WATCH, '/a|5|')).toBe('!E2BIG')
    const first = await socket.begin()
    await socket.begin()
    expect(await socket.ask(XS.TRANSACTION_START, '|')).toBe('!ENOSPC')
    expect(await socket.ask(XS.WRITE, '/a/b/c|1', first)).toBe('!ENOSPC')
  })

  it('that watches and does not read is cut off, and throttles no guest meanwhile', async () => {
    const { server, socket, client } = rawServer()
    const silent = socket()
    const guest = client(3)
    await client(0).ask(XS.SET_PERMS, '/|b0|')
    await silent.ask(XS.WATCH, '/|token|')
    silent.takes = false
    let writes = 0
    while (!silent.ended && writes < 100_000) {
      for (let n = 0; n < 64; n++) guest.send(XS.WRITE, `/n${writes++}|1`)
      expect(await guest.take(10_000_000)).toHaveLength(64)
      for (let n = writes - 64; n < writes; n++) guest.send(XS.RM, `/n${n}|`)
      expect(await guest.take(10_000_000)).toHaveLength(64)
    }
    expect(silent.ended).toBe(true)
    expect([silent.stream.session.queued, guest.stream.session.outstanding]).toEqual([0, 0])
    expect(server.tree.isConsistent()).toBe(true)
    silent.stream.closed()
    expect(silent.stream.session.watchCount).toBe(0)
  })

  it('that asks and does not read waits, and is held back', async () => {
    const socket = rawServer().socket()
    socket.takes = false
    const read = encodeMessage(XS.DIRECTORY, 1, 0, encodeText('/\0'))
    let more = true
    for (let n = 0; n < 2000; n++) more = socket.stream.receive(read.slice())
    await socket.take(1_000_000)
    expect([more, socket.taken, socket.stream.session.outstanding]).toEqual([false, 0, 64])
    socket.takes = true
    socket.stream.drained()
    expect(await socket.take(1_000_000_000)).toHaveLength(1999)
    expect([socket.taken, socket.stream.session.outstanding]).toEqual([1, 0])
  })

  it('finds the commands of CONTROL that mean something', async () => {
    const socket = rawServer().socket()
    expect(await socket.ask(XS.CONTROL, 'help|')).toBe('commands: check help quota|')
    expect(await socket.ask(XS.CONTROL, 'check|')).toBe('OK|')
    expect(await socket.ask(XS.CONTROL, 'quota|')).toContain('watches: 128\n')
    for (const payload of ['live-update|-s|', 'toString|', '', 'check']) {
      expect(await socket.ask(XS.CONTROL, payload)).toBe('!EINVAL')
    }
  })
})

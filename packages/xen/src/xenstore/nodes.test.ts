import { describe, expect, it } from 'vitest'
import { rawServer } from '../testing/raw-store.js'
import { XS } from './wire.js'

/** A store in which domain 1 has its directory, as a toolstack makes it. */
async function store(quotas = {}) {
  const world = rawServer(quotas)
  const dom0 = world.client(0)
  for (const domid of [1, 2]) {
    await dom0.ask(XS.MKDIR, `/local/domain/${domid}|`)
    await dom0.ask(XS.SET_PERMS, `/local/domain/${domid}|n${domid}|`)
  }
  return { ...world, dom0, guest: world.client(1), other: world.client(2) }
}

describe('WRITE, READ, MKDIR, RM, DIRECTORY', () => {
  it('WRITE creates what is missing above, DIRECTORY lists it, READ gives the bytes without NUL', async () => {
    const { dom0 } = await store()
    expect(await dom0.ask(XS.WRITE, '/x/y/z|value')).toBe('OK|')
    expect(await dom0.ask(XS.READ, '/x/y/z|')).toBe('value')
    expect(await dom0.ask(XS.READ, '/x/y|')).toBe('')
    expect(await dom0.ask(XS.WRITE, '/x/y/w|')).toBe('OK|')
    expect(await dom0.ask(XS.DIRECTORY, '/x/y|')).toBe('z|w|')
    expect(await dom0.ask(XS.DIRECTORY, '/x/y/z|')).toBe('')
    expect(await dom0.ask(XS.DIRECTORY, '/|')).toBe('local|x|')
  })

  it('MKDIR of a node that exists keeps its value', async () => {
    const { dom0 } = await store()
    await dom0.ask(XS.WRITE, '/x|value')
    expect(await dom0.ask(XS.MKDIR, '/x|')).toBe('OK|')
    expect(await dom0.ask(XS.READ, '/x|')).toBe('value')
    expect(await dom0.ask(XS.MKDIR, '/new/below|')).toBe('OK|')
    expect(await dom0.ask(XS.READ, '/new/below|')).toBe('')
  })

  it('RM is recursive; a missing node is as good as removed if its parent exists; the root stays', async () => {
    const { dom0, server } = await store()
    await dom0.ask(XS.WRITE, '/x/y/z|1')
    expect(await dom0.ask(XS.RM, '/x|')).toBe('OK|')
    expect(await dom0.ask(XS.READ, '/x/y/z|')).toBe('!ENOENT')
    expect(await dom0.ask(XS.RM, '/x|')).toBe('OK|')
    expect(await dom0.ask(XS.RM, '/x/y|')).toBe('!ENOENT')
    expect(await dom0.ask(XS.RM, '/|')).toBe('!EINVAL')
    expect(await dom0.ask(XS.DIRECTORY, '/|')).toBe('local|')
    expect(server.tree.isConsistent()).toBe(true)
  })

  it('XSA-418: removes a tree a thousand levels deep without a deep stack', async () => {
    const { dom0, server } = await store()
    await dom0.ask(XS.WRITE, `/deep${'/d'.repeat(1000)}|1`)
    expect(server.tree.size).toBe(1006)
    expect(await dom0.ask(XS.RM, '/deep|')).toBe('OK|')
    expect(server.tree.size).toBe(5)
  })

  it("relative paths are below the domain's own directory, for a socket of domain 0 too", async () => {
    const { dom0, guest } = await store()
    expect(await guest.ask(XS.WRITE, 'data/a|1')).toBe('OK|')
    expect(await dom0.ask(XS.READ, '/local/domain/1/data/a|')).toBe('1')
    await dom0.ask(XS.WRITE, 'here|0')
    expect(await dom0.ask(XS.READ, '/local/domain/0/here|')).toBe('0')
    expect(await guest.ask(XS.GET_DOMAIN_PATH, '7|')).toBe('/local/domain/7|')
  })
})

describe('names', () => {
  it.each([
    ['', 'a relative path of nothing ends in a slash'],
    ['/a/', 'trailing slash'],
    ['/local/domain/', 'trailing slash (XSA-484)'],
    ['//a', 'double slash'],
    ['/a//b', 'double slash'],
    ['/a b', 'a space'],
    ['/ä', 'a letter outside'],
    ['@x', 'a special name is no node'],
    [`/${'a'.repeat(2048)}`, 'longer than 2048'],
    [`/local/domain/1/${'a'.repeat(2049)}`, 'longer than 2048 after the domain prefix'],
  ])('%j is refused: %s', async (path) => {
    const { dom0 } = await store()
    for (const type of [XS.READ, XS.DIRECTORY, XS.MKDIR, XS.RM])
      expect(await dom0.ask(type, `${path}|`)).toBe('!EINVAL')
    expect(await dom0.ask(XS.WRITE, `${path}|v`)).toBe('!EINVAL')
  })

  it('the longest names and all characters are taken', async () => {
    const { dom0 } = await store()
    for (const path of [`/${'a'.repeat(2047)}`, `/local/domain/1/${'a'.repeat(2048)}`, '/aZ09-_@/b'])
      expect(await dom0.ask(XS.MKDIR, `${path}|`)).toBe('OK|')
  })

  it('a payload without its NUL, or with one too many, is refused', async () => {
    const { dom0 } = await store()
    for (const payload of ['', '/a', '/a|b', '/a|/b|'])
      expect(await dom0.ask(XS.READ, payload)).toBe('!EINVAL')
    expect(await dom0.ask(XS.WRITE, '/a')).toBe('!EINVAL')
    for (const payload of ['/a|', '|', 'n1|']) expect(await dom0.ask(XS.SET_PERMS, payload)).toBe('!EINVAL')
    for (const payload of ['/a|', '/a|t', '/a|t|u|'])
      expect(await dom0.ask(XS.WATCH, payload)).toBe('!EINVAL')
  })

  it('types that are not there, or gone, get ENOSYS; what is not for guests EACCES', async () => {
    const { dom0, guest } = await store()
    for (const type of [15, 16, 20, 23, 26, 99, 0xffffffff])
      expect(await dom0.ask(type, '/|')).toBe('!ENOSYS')
    for (const type of [
      XS.CONTROL,
      XS.INTRODUCE,
      XS.RELEASE,
      XS.IS_DOMAIN_INTRODUCED,
      XS.RESUME,
      XS.SET_TARGET,
    ])
      expect(await guest.ask(type, '1|')).toBe('!EACCES')
    expect(await dom0.ask(XS.IS_DOMAIN_INTRODUCED, '3|')).toBe('F|')
    expect(await dom0.ask(XS.RELEASE, '3|')).toBe('!ENOENT')
    expect(await dom0.ask(XS.INTRODUCE, '3|1|')).toBe('!EINVAL')
    expect(await dom0.ask(XS.INTRODUCE, '77|1|1|')).toBe('!EINVAL')
  })
})

describe('permissions', () => {
  it('a missing or forbidden node is ENOENT only for who may see the nearest node above, else EACCES', async () => {
    const { dom0, guest, other } = await store()
    await dom0.ask(XS.WRITE, '/secret/key|1')
    expect(await guest.ask(XS.READ, '/secret/key|')).toBe('!EACCES')
    expect(await guest.ask(XS.READ, '/secret/missing|')).toBe('!EACCES')
    expect(await guest.ask(XS.READ, '/nothing/at/all|')).toBe('!EACCES')
    expect(await guest.ask(XS.READ, 'missing|')).toBe('!ENOENT')
    expect(await other.ask(XS.READ, '/local/domain/1/missing|')).toBe('!EACCES')
    // Readable but not writable: a write of a missing node needs write permission above.
    await dom0.ask(XS.SET_PERMS, '/secret|r0|')
    expect(await guest.ask(XS.READ, '/secret/missing|')).toBe('!ENOENT')
    expect(await guest.ask(XS.WRITE, '/secret/missing|1')).toBe('!EACCES')
    expect(await guest.ask(XS.RM, '/secret|')).toBe('!EACCES')
  })

  it('new nodes inherit the permissions above; a guest owns what it creates', async () => {
    const { dom0, guest } = await store()
    await dom0.ask(XS.SET_PERMS, '/local/domain/1|n1|r2|w3|')
    await guest.ask(XS.WRITE, 'a/b|1')
    expect(await guest.ask(XS.GET_PERMS, 'a/b|')).toBe('n1|r2|w3|')
    await dom0.ask(XS.MKDIR, '/open|')
    await dom0.ask(XS.SET_PERMS, '/open|b0|r2|')
    await guest.ask(XS.WRITE, '/open/mine|1')
    expect(await dom0.ask(XS.GET_PERMS, '/open/mine|')).toBe('b1|r2|')
    await dom0.ask(XS.WRITE, '/open/zero|1')
    expect(await dom0.ask(XS.GET_PERMS, '/open/zero|')).toBe('b0|r2|')
  })

  it("the owner may do all, an entry of one's own comes before the default", async () => {
    const { dom0, guest, other } = await store()
    await dom0.ask(XS.WRITE, '/n|1')
    await dom0.ask(XS.SET_PERMS, '/n|r0|n1|w2|')
    expect(await guest.ask(XS.READ, '/n|')).toBe('!EACCES')
    expect(await other.ask(XS.READ, '/n|')).toBe('!EACCES')
    expect(await other.ask(XS.WRITE, '/n|2')).toBe('OK|')
    expect(await dom0.ask(XS.READ, '/n|')).toBe('2')
    await dom0.ask(XS.SET_PERMS, '/n|n1|')
    expect(await guest.ask(XS.WRITE, '/n|3')).toBe('OK|')
  })

  it('XSA-352: only the owner sets permissions, and a guest gives nothing away', async () => {
    const { dom0, guest, other } = await store()
    await guest.ask(XS.WRITE, 'a|1')
    expect(await guest.ask(XS.SET_PERMS, 'a|n2|')).toBe('!EPERM')
    expect(await guest.ask(XS.SET_PERMS, 'a|r1|w2|')).toBe('OK|')
    expect(await other.ask(XS.SET_PERMS, '/local/domain/1/a|b1|')).toBe('!EACCES')
    expect(await dom0.ask(XS.SET_PERMS, '/local/domain/1/a|n2|')).toBe('OK|')
  })

  it('at most 5 entries for a guest; bad letters; domains that never were', async () => {
    const { dom0, guest } = await store()
    await guest.ask(XS.WRITE, 'a|1')
    expect(await guest.ask(XS.SET_PERMS, 'a|n1|r2|r3|r4|r5|')).toBe('OK|')
    expect(await guest.ask(XS.SET_PERMS, 'a|n1|r2|r3|r4|r5|r6|')).toBe('!ENOSPC')
    for (const bad of ['x1', 'n', '1n', 'r-1', 'r1x', 'rr1'])
      expect(await guest.ask(XS.SET_PERMS, `a|${bad}|`)).toBe('!EINVAL')
    expect(await guest.ask(XS.SET_PERMS, 'a|n1|r2|r77|')).toBe('OK|')
    expect(await guest.ask(XS.GET_PERMS, 'a|')).toBe('n1|r2|')
    expect(await dom0.ask(XS.SET_PERMS, '/local/domain/1/a|n77|')).toBe('!ENOENT')
  })

  it("XSA-322: a dead domain's rights and nodes do not pass to the next of its number", async () => {
    const { dom0, guest, server } = await store()
    await guest.ask(XS.WRITE, 'a|1')
    await dom0.ask(XS.WRITE, '/shared|1')
    await dom0.ask(XS.SET_PERMS, '/shared|n0|b1|r2|')
    server.domainDied(1)
    expect(await dom0.ask(XS.GET_PERMS, '/shared|')).toBe('n0|r2|')
    expect(await dom0.ask(XS.GET_PERMS, '/local/domain/1/a|')).toBe('n0|')
    expect(server.tree.owned(1)).toBe(0)
  })
})

describe('limits of a guest', () => {
  it('a value of 2015 bytes is the longest with one permission and no children', async () => {
    const { guest, dom0 } = await store()
    expect(await guest.ask(XS.WRITE, `a|${'v'.repeat(2015)}`)).toBe('OK|')
    expect(await guest.ask(XS.WRITE, `a|${'v'.repeat(2016)}`)).toBe('!ENOSPC')
    expect(await guest.ask(XS.WRITE, `b|${'v'.repeat(2016)}`)).toBe('!ENOSPC')
    expect(await dom0.ask(XS.WRITE, `/big|${'v'.repeat(4000)}`)).toBe('OK|')
  })

  it('the names of the children count: 531 short ones under one node', async () => {
    const { guest } = await store()
    const answers: string[] = []
    for (let child = 0; child < 533; child++) answers.push(await guest.ask(XS.WRITE, `d/${child}|`))
    expect(answers.indexOf('!ENOSPC')).toBe(531)
    expect(answers.slice(0, 531).every((answer) => answer === 'OK|')).toBe(true)
  })

  it('1000 nodes; the owner is charged, and gets them back', async () => {
    const { guest, dom0, server } = await store()
    // Its own directory, 5 directories, and 497 times a node with one below.
    for (let node = 0; node < 497; node++)
      expect(await guest.ask(XS.WRITE, `d${node % 5}/x${node}/y|`)).toMatch(/^OK/)
    expect(server.tree.owned(1)).toBe(1000)
    expect(await guest.ask(XS.WRITE, 'd0/one-more|')).toBe('!ENOSPC')
    expect(await guest.ask(XS.RM, 'd0/x0|')).toBe('OK|')
    expect(await guest.ask(XS.WRITE, 'd0/one-more|')).toBe('OK|')
    expect(await dom0.ask(XS.WRITE, '/local/domain/1/more|')).toBe('OK|')
  })

  it('a listing of more than 4096 bytes is E2BIG, and comes in parts', async () => {
    const { dom0 } = await store()
    const names = Array.from({ length: 300 }, (_, index) => `a-rather-long-name-${index}`)
    for (const name of names) await dom0.ask(XS.MKDIR, `/long/${name}|`)
    expect(await dom0.ask(XS.DIRECTORY, '/long|')).toBe('!E2BIG')
    const found: string[] = []
    let generation = ''
    let offset = 0
    for (let parts = 0; parts < 3; parts++) {
      const [first = '', ...rest] = (await dom0.ask(XS.DIRECTORY_PART, `/long|${offset}|`)).split('|')
      if (parts > 0) expect(first).toBe(generation)
      generation = first
      const part = rest.slice(0, -1)
      found.push(...part.filter((name) => name !== ''))
      offset += part.join('|').length + 1
      if (part.at(-1) === '') break
    }
    expect(found).toEqual(names)
    expect(await dom0.ask(XS.DIRECTORY_PART, '/long|999999|')).toBe(`${generation}||`)
    expect(await dom0.ask(XS.DIRECTORY_PART, '/long/a-rather-long-name-0|0|')).toMatch(/^\d+\|\|$/)
    expect(await dom0.ask(XS.DIRECTORY_PART, '/long|-1|')).toBe('!EINVAL')
  })
})

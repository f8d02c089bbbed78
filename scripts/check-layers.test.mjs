import { describe, expect, it } from 'vitest'
import { checkWorkspaceImport, circles, importsOf } from './check-layers.mjs'

const modules = (text) => importsOf(text).map((found) => found.module)

/** The problems of one import line in `file` of a package that declares `dependencies`. */
function problemsOf(name, file, line, dependencies, more = {}) {
  const json = {
    dependencies: Object.fromEntries(dependencies.map((dep) => [`@netaccel/${dep}`, '^0.1.0'])),
    ...more,
  }
  const pkg = { name, dir: `/w/packages/${name}`, json }
  return importsOf(line).flatMap((found) => checkWorkspaceImport(pkg, `${pkg.dir}/${file}`, found))
}

describe('reading imports', () => {
  it('finds every form', () => {
    const text = [
      `import { a, type B } from './one.js'`,
      `import type { C } from "./two.js"`,
      `export * from './three.js'`,
      `export {\n  d,\n  e,\n} from './four.js'`,
      `import './five.js'`,
      `const lazy = await import('./six.js')`,
      `import * as seven from './seven.js'`,
    ].join('\n')
    expect(modules(text).toSorted()).toEqual(
      ['one', 'two', 'three', 'four', 'five', 'six', 'seven'].map((name) => `./${name}.js`).toSorted(),
    )
  })

  it('gives the names that are taken', () => {
    expect(importsOf(`import { DropCounters, type Lease } from '@netaccel/core'`)[0].names).toContain('Lease')
  })

  it('knows an import of types only', () => {
    const text = `import type { A } from './a.js'\nexport type { B } from './b.js'\nimport { type C, d } from './c.js'`
    expect(importsOf(text).map((found) => found.erased)).toEqual([true, true, false])
  })

  it('takes no example in a comment for an import', () => {
    expect(
      modules(`/**\n * import { x } from './x.js'\n */\n// import './y.js'\nexport const z = 1`),
    ).toEqual([])
  })

  it('takes no exported value for an import', () => {
    expect(modules(`export const text = "from './x.js'"\nexport function from() {}`)).toEqual([])
  })
})

describe('layers', () => {
  it('allows a declared lower package', () => {
    expect(problemsOf('xen', 'src/a.ts', `import { Frame } from '@netaccel/packet'`, ['packet'])).toEqual([])
  })

  it('refuses a higher one, a neighbour and itself', () => {
    const higher = problemsOf('xen', 'src/a.ts', `import { x } from '@netaccel/core'`, ['core'])
    const neighbour = problemsOf('bridge', 'src/a.ts', `import { x } from '@netaccel/nic-sim'`, ['nic-sim'])
    const itself = problemsOf('xen', 'src/a.ts', `import { x } from '@netaccel/xen'`, ['xen'])
    expect(higher).toEqual(['imports @netaccel/core, which is not in a lower layer'])
    expect(neighbour).toEqual(['imports @netaccel/nic-sim, which is not in a lower layer'])
    expect(itself).toEqual(['imports its own package by name; use a relative path'])
  })

  it('refuses an undeclared package and a way round the index', () => {
    expect(problemsOf('core', 'src/a.ts', `import { x } from '@netaccel/xen/dist/ring.js'`, [])).toEqual([
      'reaches into @netaccel/xen/dist/ring.js; only what its "exports" names is public',
      'imports @netaccel/xen/dist/ring.js, which package.json does not declare',
    ])
  })

  it('allows an entry that a package offers beside its index', () => {
    const line = `import { VI_PAGES } from '@netaccel/nic-sim/constants'`
    expect(problemsOf('accel-solarflare-sim', 'src/frontend/a.ts', line, ['nic-sim'])).toEqual([])
  })

  it('lets a plugin see the contract only, and its tests more', () => {
    const line = `import { Netfront } from '@netaccel/netfront'`
    expect(problemsOf('accel-dummy', 'src/frontend.ts', line, ['netfront'])).toEqual([
      'imports @netaccel/netfront; sources of accel-dummy may import only core',
    ])
    for (const file of ['src/frontend.test.ts', 'src/testing/rig.ts', 'src/frontend/test/rig.ts'])
      expect(problemsOf('accel-dummy', file, line, ['netfront'])).toEqual([])
    expect(problemsOf('accel-dummy', 'src/contest/rig.ts', line, ['netfront'])).toHaveLength(1)
  })

  it('lets only accelerate.ts of a driver name what belongs to accelerators', () => {
    const line = `import { DropCounters, Lease } from '@netaccel/core'`
    expect(problemsOf('netfront', 'src/transmit.ts', line, ['core'])).toEqual([
      'takes Lease from core; only accelerate.ts and accelerate/ may',
    ])
    expect(problemsOf('netfront', 'src/accelerate.ts', line, ['core'])).toEqual([])
    expect(problemsOf('netfront', 'src/accelerate/queue.ts', line, ['core'])).toEqual([])
    expect(problemsOf('nic-sim', 'src/driver/driver.ts', line, ['core'])).toEqual([])
  })
})

describe('circles', () => {
  const graph = (edges) => new Map(Object.entries(edges))

  it('finds a file that imports itself by way of others', () => {
    expect(circles(graph({ a: ['b'], b: ['c'], c: ['b'], d: ['a'] }))).toEqual([['b', 'c', 'b']])
  })

  it('finds none where two ways lead to one file', () => {
    expect(circles(graph({ a: ['b', 'c'], b: ['d'], c: ['d'], d: [] }))).toEqual([])
  })
})

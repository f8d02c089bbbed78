import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { afterAll, describe, expect, it } from 'vitest'
import { heldPlugin, readArtefact, readPlugin, withIntegrity } from './plugin-package.js'
import { files, good, setUp } from './testing/loader-bench.js'

const folder = mkdtempSync(join(tmpdir(), 'netaccel-package-'))
afterAll(() => rmSync(folder, { recursive: true }))

const json = JSON.stringify({
  name: 'packed',
  version: '1.0.0',
  keywords: ['netaccel-plugin'],
  netaccel: { name: 'packed', apiVersion: { frontend: [1, 1] }, frontend: './dist/f.cjs', capabilities: [] },
})

/** One entry of a tar archive, as npm writes it. */
function entry(path: string, content: string, type = '0'): Buffer {
  const header = Buffer.alloc(512)
  header.write(path, 0)
  header.write(`${content.length.toString(8).padStart(11, '0')}\0`, 124)
  header.write(type, 156)
  header.fill(' ', 148, 156)
  header.write(
    `${header
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
    148,
  )
  return Buffer.concat([header, Buffer.from(content), Buffer.alloc((512 - (content.length % 512)) % 512)])
}

const long = `package/dist/${'x'.repeat(120)}.txt`
const tar = Buffer.concat([
  entry('package/package.json', json),
  entry('PaxHeader', `${` path=${long}\n`.length + 3} path=${long}\n`, 'x'),
  entry('package/dist/xxx', 'long'),
  entry('package/dist/f.cjs', good()),
  Buffer.alloc(1024),
])
const packed = gzipSync(tar)
const sri = (bytes: Uint8Array, algorithm: string) =>
  `${algorithm}-${createHash(algorithm).update(bytes).digest('base64')}`

function written(bytes: Uint8Array): string {
  const path = join(folder, 'packed-1.0.0.tgz')
  writeFileSync(path, bytes)
  return path
}

describe('a tarball', () => {
  it('is read without being unpacked to disk, long names too', () => {
    const plugin = readPlugin(written(packed))
    expect([plugin.manifest.name, plugin.packageName]).toEqual(['packed', 'packed'])
    expect(readArtefact(plugin, 'frontend').text).toBe(good())
    expect(plugin.files.read(`./dist/${'x'.repeat(120)}.txt`)?.toString()).toBe('long')
    expect(plugin.files.read('./no-such')).toBeUndefined()
  })

  it('that has the expected hash is taken, in the words of npm', () => {
    for (const algorithm of ['sha512', 'sha256'])
      expect(readPlugin(written(packed), sri(packed, algorithm)).packageVersion).toBe('1.0.0')
  })

  it('with a changed byte is refused wherever the byte is', () => {
    const path = written(packed)
    const expected = sri(packed, 'sha512')
    for (let at = 0; at < packed.length; at += 7) {
      const changed = Buffer.from(packed)
      changed[at] = (changed[at] ?? 0) ^ 1
      writeFileSync(path, changed)
      expect(() => readPlugin(path, expected)).toThrow(
        `BAD_INTEGRITY: ${path} should be ${expected} and is ${sri(changed, 'sha512')}. The bytes are not those`,
      )
    }
  })

  it('that is damaged is told so though nobody gave its hash', () => {
    expect(() => readPlugin(written(packed.subarray(0, packed.length - 20)))).toThrow(
      /^BAD_PACKAGE: .* does not unpack/,
    )
    const header = Buffer.from(gunzipSync(packed))
    header[3] = (header[3] ?? 0) ^ 1
    expect(() => readPlugin(written(gzipSync(header)))).toThrow(/^BAD_PACKAGE: .* is damaged at byte 0/)
    expect(() => readPlugin(written(gzipSync(tar.subarray(0, 600))))).toThrow(/is damaged at byte 0/)
    expect(() => readPlugin(join(folder, 'none.tgz'))).toThrow(
      /^BAD_PACKAGE: there is no tarball .*none\.tgz/,
    )
  })
})

describe('the integrity of artefacts', () => {
  const text = good()
  const hash = createHash('sha256').update(text).digest('hex')

  it.each([hash, sri(Buffer.from(text), 'sha384')])('may be given as %s', async (frontend) => {
    const { load } = setUp()
    expect((await load(files(text), { integrity: { frontend } })).hash).toBe(hash)
  })

  it('that does not fit leaves nothing loaded, and says both hashes', async () => {
    const { load, loader } = setUp()
    await expect(load(files(`${text} `), { integrity: { frontend: hash } })).rejects.toThrow(
      `BAD_INTEGRITY: memory/dist/frontend.cjs should be ${hash} and is `,
    )
    expect([loader.loaded, loader.status()]).toEqual([[], []])
  })

  it('is refused as one word for a folder, and as a word that is no hash', () => {
    expect(() => readPlugin(files(text), hash)).toThrow(/^BAD_ARGUMENT: memory is not one tarball/)
    expect(() => withIntegrity(readPlugin(files(text)), hash)).toThrow('BAD_ARGUMENT')
    expect(() => readArtefact(readPlugin(files(text), { frontend: 'md5-x' }), 'frontend')).toThrow(
      'BAD_ARGUMENT: the integrity "md5-x" of memory/dist/frontend.cjs is neither',
    )
  })
})

describe('a package', () => {
  it('that is held is the same whatever becomes of its files', () => {
    const root = join(folder, 'held')
    mkdirSync(join(root, 'dist'), { recursive: true })
    writeFileSync(join(root, 'package.json'), json)
    writeFileSync(join(root, 'dist/f.cjs'), 'before')
    const plugin = readPlugin(root)
    const held = heldPlugin(plugin)
    writeFileSync(join(root, 'dist/f.cjs'), 'after')
    expect([readArtefact(held, 'frontend').text, readArtefact(plugin, 'frontend').text]).toEqual([
      'before',
      'after',
    ])
    rmSync(join(root, 'dist/f.cjs'))
    expect(() => heldPlugin(plugin)).toThrow(/^BAD_ARTEFACT: .*no such file; build the package/)
  })

  it('with a package.json that is no object, or an artefact that is no text, is told so', () => {
    const of = (manifest: string, artefact: Uint8Array) => ({
      from: 'memory',
      read: (path: string) => (path === './package.json' ? new TextEncoder().encode(manifest) : artefact),
    })
    expect(() => readPlugin(of('null', new Uint8Array()))).toThrow(
      'BAD_MANIFEST: memory/package.json: package.json is not an object',
    )
    expect(() => readArtefact(readPlugin(of(json, Uint8Array.of(0xff))), 'frontend')).toThrow(
      'BAD_ARTEFACT: memory/dist/f.cjs is not UTF-8 text',
    )
    expect(() => readPlugin(join(folder, 'no-such'))).toThrow(/^BAD_MANIFEST: .*there is no package\.json/)
  })
})

// Runs npm, offline: what is added are folders.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { addPlugin } from './host-add.js'

const root = mkdtempSync(join(tmpdir(), 'netaccel-add-'))
const project = join(root, 'project')
afterAll(() => rmSync(root, { recursive: true }))

/** A package `packageName` in a folder, whose plugin is called `name`. */
function plugin(folder: string, packageName: string, name: string): string {
  mkdirSync(join(root, folder))
  const netaccel = { name, apiVersion: { frontend: [1, 1] }, frontend: './f.cjs', capabilities: [] }
  const manifest = { name: packageName, version: '1.0.0', keywords: ['netaccel-plugin'], netaccel }
  writeFileSync(join(root, folder, 'package.json'), JSON.stringify(manifest))
  writeFileSync(join(root, folder, 'f.cjs'), '')
  return `../${folder}`
}

/** All that says what the project depends on. */
function standing(): unknown {
  const link = (name: string) => {
    const path = join(project, 'node_modules', name)
    return existsSync(path) ? readlinkSync(path) : null
  }
  const lock = join(project, 'package-lock.json')
  return {
    manifest: readFileSync(join(project, 'package.json'), 'utf8'),
    lock: existsSync(lock) ? readFileSync(lock, 'utf8') : null,
    links: ['mine', 'other', 'third'].map(link),
  }
}

it('add: what is refused after it was installed leaves the version that was there, and the files as they were', async () => {
  mkdirSync(project)
  const dependencies = { other: `file:${plugin('other', 'other', 'taken')}` }
  writeFileSync(
    join(project, 'package.json'),
    JSON.stringify({ name: 'project', private: true, dependencies }),
  )
  expect(await addPlugin({ project, spec: plugin('v1', 'mine', 'mine') })).toMatchObject({ name: 'mine' })
  const before = standing()
  expect(before).toMatchObject({ links: ['../../v1', '../../other', null] })
  // The same package; its plugin has taken the name of another's.
  await expect(addPlugin({ project, spec: plugin('v2', 'mine', 'taken') })).rejects.toMatchObject({
    code: 'NAME_TAKEN',
  })
  expect(standing()).toEqual(before)
  await expect(addPlugin({ project, spec: plugin('third', 'third', 'taken') })).rejects.toMatchObject({
    code: 'NAME_TAKEN',
  })
  expect(standing()).toEqual(before)
})

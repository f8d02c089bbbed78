import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { pluginFolder } from './plugin-folder.js'

describe('pluginFolder', () => {
  it('finds an installed package by its name', () => {
    expect(pluginFolder('@netaccel/core')).toMatch(/packages[/\\]core$/)
  })

  it('takes a folder as it is', () => {
    const folder = pluginFolder('@netaccel/core')
    expect(pluginFolder(folder)).toBe(folder)
  })

  it('says what is missing', () => {
    const empty = mkdtempSync(join(tmpdir(), 'netaccel-'))
    expect(() => pluginFolder(empty)).toThrow(
      `There is no package in the folder ${empty}: it holds no package.json.`,
    )
    expect(() => pluginFolder('@netaccel/no-such')).toThrow(
      'The package @netaccel/no-such is not installed here; install it with npm, or give its folder.',
    )
    rmSync(empty, { recursive: true })
  })
})

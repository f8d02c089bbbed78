import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { worldSchema } from './value/world-schema.js'

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
const root = fileURLToPath(new URL('../../..', import.meta.url))

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: Schema | boolean
  readonly [other: string]: unknown
}

/** Every key of a value, with `<x>` for a name that the user chooses; not what lies within one that the table explains. */
function keysOf(schema: Schema, path: string, explained: ReadonlySet<string>): string[] {
  if (explained.has(path)) return [path]
  const { properties = {}, additionalProperties } = schema
  const below = Object.entries(properties).flatMap(([key, of]) =>
    keysOf(of, path === '' ? key : `${path}.${key}`, explained),
  )
  if (typeof additionalProperties !== 'object') return below.length > 0 ? below : [path]
  const name = path.slice(path.lastIndexOf('.') + 1)[0]
  return [...below, ...keysOf(additionalProperties, `${path}.<${name}>`, explained)]
}

describe('the README', () => {
  it('has an example that runs and says what its comment says', async () => {
    const code = /```js\n([\s\S]*?)```/.exec(readme)?.[1] ?? ''
    const said = /console\.log\(.*\) \/\/ (.*)/.exec(code)?.[1]
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', code], {
      cwd: root,
    })
    expect(said).toBe('nothing lost')
    expect(stdout.trim()).toBe(said)
  })

  it('lists every key of the value, and no other', () => {
    const section = readme.slice(readme.indexOf('## The value'), readme.indexOf('## The world'))
    const listed = [...section.matchAll(/^\| `([^`]+)` \|/gm)].map(([, key = '']) => key)
    expect(new Set(keysOf(worldSchema, '', new Set(listed)))).toEqual(new Set(listed))
  })
})

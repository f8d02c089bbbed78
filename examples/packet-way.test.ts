import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { STEPS } from '@netaccel/host'
import { describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '..')
const WAYS = ['out', 'in'] as const

interface Row {
  readonly way: (typeof WAYS)[number]
  readonly stage: string
  readonly file: string
}

/** The rows of the two tables: every table row with a link, under the heading that is its way. */
function documented(): Row[] {
  const text = readFileSync(join(root, 'docs/packet-way.md'), 'utf8')
  return WAYS.flatMap((way) => {
    const heading = way === 'out' ? '## Out' : '## In'
    const section = text.slice(text.indexOf(heading)).split('\n## ')[0]
    return [...section.matchAll(/^\| (\S+) \| \[\S+\]\(\.\.\/(\S+)\)/gm)].map(
      ([, stage = '', file = '']) => ({
        way,
        stage,
        file,
      }),
    )
  })
}

const OPENING = /^\/\/ Stage (\d[sf]?) of a frame's way (out and in|out|in)\b/

/** What the first line of a source file says. */
function opening(file: string): Row[] {
  const [, stage = '', ways = ''] = OPENING.exec(readFileSync(join(root, file), 'utf8')) ?? []
  return WAYS.filter((way) => ways.split(' and ').includes(way)).map((way) => ({ way, stage, file }))
}

function sources(): string[] {
  return readdirSync(join(root, 'packages')).flatMap((name) => {
    const src = join(root, 'packages', name, 'src')
    if (!existsSync(src)) return []
    return readdirSync(src, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => relative(root, join(src, file)))
  })
}

const key = ({ way, stage, file }: Row): string => `${way} ${stage} ${file}`

describe('docs/packet-way.md and the sources', () => {
  const rows = documented()

  it('names files that exist', () => {
    expect(rows.filter(({ file }) => !existsSync(join(root, file)))).toEqual([])
  })

  it('lists the files whose first line names a stage, with that stage and way, and no others', () => {
    const inSources = sources().flatMap(opening).map(key)
    expect(inSources.toSorted()).toEqual(rows.map(key).toSorted())
  })

  it('has the opening in the first line wherever a file speaks of its stage', () => {
    const elsewhere = sources().filter((file) => {
      const lines = readFileSync(join(root, file), 'utf8').split('\n')
      return lines.slice(1).some((line) => /^\W*Stage \d[sf]? of a frame's way/.test(line))
    })
    expect(elsewhere).toEqual([])
  })

  it('numbers the stages as a trace does, each way', () => {
    for (const way of WAYS) {
      const traced = Object.values(STEPS).filter((step) => step.way === way || step.way === 'both')
      expect(new Set(traced.map(({ stage }) => stage))).toEqual(
        new Set(rows.filter((row) => row.way === way).map(({ stage }) => stage)),
      )
    }
  })
})

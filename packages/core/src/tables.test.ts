import { readdirSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { HOST_COUNTERS } from './counters.js'
import { DROP_NAMES } from './drops.js'
import { AcceleratorError, ERROR_CODES, isAcceleratorError } from './errors.js'
import { EVENTS } from './event-table.js'
import { explain } from './explain.js'
import { HOOK_NAMES, HOOK_NUMBER, HOOKS } from './hook-table.js'
import { CAPABILITIES, MANIFEST_SCHEMA } from './manifest-schema.js'
import { renderCodes, renderRules } from './reference.js'
import { firstCauses, impliedBy, RULES, ruleOf } from './rules/index.js'
import { STATES } from './states.js'

const file = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8')
const ids = RULES.map((rule) => rule.id)

describe('the rules', () => {
  it('are eighty, each id once, numbered without gaps in each family', () => {
    expect(ids).toHaveLength(80)
    expect(new Set(ids).size).toBe(80)
    const last = new Map<string, number>()
    for (const id of ids) {
      const [family = '', number] = id.split('-')
      expect(Number(number)).toBe((last.get(family) ?? 0) + 1)
      last.set(family, Number(number))
    }
    expect(Object.fromEntries(last)).toEqual({
      VN: 7,
      LC: 14,
      TX: 12,
      RX: 9,
      IR: 5,
      FL: 9,
      MEM: 7,
      CT: 7,
      ST: 3,
      ER: 4,
      PF: 3,
    })
  })

  it('imply rules that exist, never themselves, and close no circle', () => {
    for (const rule of RULES) {
      for (const id of rule.implies) expect(ruleOf(id)?.id).toBe(id)
      expect(impliedBy(rule.id).has(rule.id)).toBe(false)
    }
  })

  it('say what, why, how it is checked and who breaks it', () => {
    for (const rule of RULES) {
      expect(rule.sentence).toMatch(/^[A-Z`'].*\.$/)
      expect(rule.why).toMatch(/^[A-Z].*\.$/)
      expect(rule.checkedBy).not.toBe('')
      expect(rule.saboteur).not.toBe('')
    }
  })

  it('name as first cause what no other broken rule implies', () => {
    expect(firstCauses(['FL-09', 'TX-03', 'TX-08'])).toEqual(['TX-03'])
    expect(firstCauses(['MEM-05', 'TX-02', 'IR-02'])).toEqual(['TX-02', 'IR-02'])
    // Through a rule that was not seen broken itself: TX-10 implies TX-02, which implies MEM-05.
    expect(firstCauses(['MEM-05', 'TX-10'])).toEqual(['TX-10'])
    expect([...impliedBy('TX-10')]).toEqual(expect.arrayContaining(['TX-02', 'MEM-05']))
    expect(firstCauses([])).toEqual([])
  })

  it('always leave a first cause, whatever is broken', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.constantFrom(...ids), { minLength: 1 }), (broken) => {
        const causes = firstCauses(broken)
        expect(causes.length).toBeGreaterThan(0)
        const explained = new Set(causes.flatMap((id) => [id, ...impliedBy(id)]))
        for (const id of broken) expect(explained.has(id)).toBe(true)
      }),
      { seed: 7 },
    )
  })
})

describe('the tables', () => {
  const sentences = [
    ...Object.values(ERROR_CODES),
    ...Object.values(EVENTS).map(({ sentence }) => sentence),
    ...Object.values(HOST_COUNTERS),
    ...Object.values(CAPABILITIES),
  ]
  it('are written in sentences', () => {
    for (const sentence of sentences) expect(sentence).toMatch(/^[A-Z@].*\.$/)
  })

  it('name no counter that nothing counts', () => {
    const sources = readdirSync(new URL('.', import.meta.url), { recursive: true, encoding: 'utf8' })
    const code = sources.filter((path) => /(?<!\.test)\.ts$/.test(path)).map((path) => file(path))
    const counted = (name: string) =>
      code.some((text) => text.includes(`bump('${name}'`) || text.includes(`counter('${name}'`))
    expect(Object.keys(HOST_COUNTERS).filter((name) => !counted(name))).toEqual([])
  })

  it('name rules that exist in the hook table', () => {
    for (const { rules } of Object.values(HOOKS))
      for (const id of rules.match(/[A-Z]{2,3}-\d\d/g) ?? []) expect(ruleOf(id)?.id).toBe(id)
  })

  it('give every hook a number above 0', () => {
    for (const [name, number] of Object.entries(HOOK_NUMBER)) expect(HOOK_NAMES[number]).toBe(name)
    expect(HOOK_NAMES[0]).toBeUndefined()
  })

  it('are all found by explain', () => {
    const words = [
      ...ids,
      ...Object.keys(ERROR_CODES),
      ...DROP_NAMES,
      ...Object.keys(EVENTS),
      ...Object.keys(HOOKS),
      ...Object.keys(STATES),
      ...Object.keys(HOST_COUNTERS),
      ...Object.keys(CAPABILITIES),
    ]
    expect(words.filter((word) => explain(word).length === 0)).toEqual([])
    expect(explain('no-such-word')).toEqual([])
    expect(explain('toString')).toEqual([])
  })

  it('are what docs/rules.md, docs/codes.md and the published schema say', () => {
    // After a change: node scripts/build.mjs --only core && node packages/core/scripts/write-rules.mjs
    expect(file('../../../docs/rules.md')).toBe(renderRules())
    expect(file('../../../docs/codes.md')).toBe(renderCodes())
    expect(JSON.parse(file('../manifest.schema.json'))).toEqual(MANIFEST_SCHEMA)
  })
})

describe('explain', () => {
  it('says of a rule why, how and what follows', () => {
    expect(explain('TX-02')).toEqual([
      {
        kind: 'rule',
        code: 'TX-02',
        sentence: 'Each lent frame is completed or failed exactly once, and all are when drained.',
        more: [
          "Why: The original leaked the frames in flight when a vif went, and the sockets' accounting with them.",
          'Checked by: the table of lent frames.',
          'Broken, for example: forgets the last of 64 completed by one event; shows only under load.',
          'Broken as a consequence: IR-05, LC-07, VN-05, LC-08, LC-10, MEM-05.',
        ],
      },
    ])
  })

  it('gives every meaning of a word', () => {
    expect(explain('draining').map(({ code }) => code)).toEqual(['generation:draining', 'netfront:draining'])
    expect(explain('observe').map(({ kind }) => kind)).toEqual(['capability'])
    expect(explain('wire_loss')[0]?.more).toEqual([
      'Stage: wire.',
      'The topology asks for it; it is not counted as lost.',
    ])
  })
})

describe('an AcceleratorError', () => {
  it('says what, where and what to do, and keeps its cause', () => {
    const cause = new Error('boom')
    const error = new AcceleratorError('NO_PORTS', 'vif1.0 of guest1', { cause })
    expect(error.message).toBe(
      'NO_PORTS: vif1.0 of guest1. The domain has no free event-channel port left; close channels that are not used.',
    )
    expect([error.code, error.detail, error.name, error.cause]).toEqual([
      'NO_PORTS',
      'vif1.0 of guest1',
      'AcceleratorError',
      cause,
    ])
    expect(isAcceleratorError(error, 'NO_PORTS')).toBe(true)
    expect(isAcceleratorError(error, 'CLOSED')).toBe(false)
    expect(isAcceleratorError(cause)).toBe(false)
  })
})

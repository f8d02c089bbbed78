// VN: manifest, versions, and what is declared.
import { reading } from '../acts/reading.js'
import type { Read } from '../acts/reading.js'
import { saturated } from '../acts/saturated.js'
import { settingUp } from '../acts/setting-up.js'
import type { SettingUp } from '../acts/setting-up.js'
import { steady } from '../acts/steady.js'
import { twins } from '../acts/twins.js'
import type { Twin } from '../acts/twins.js'
import { versions } from '../acts/versions.js'
import type { AtVersion } from '../acts/versions.js'
import { look } from '../kit/check.js'
import type { Check } from '../kit/check.js'
import { callsOf } from '../kit/calls-of.js'
import { each } from '../kit/judging.js'
import type { Judgement } from '../kit/judging.js'
import { atWork, onlyDeclared } from './declared.js'

/** VN-01. */
function isWhole(read: readonly Read[]): Judgement {
  return each(read, ({ half, path, fault }) =>
    fault === undefined ? undefined : `the manifest names ${path} as ${half}: ${fault}`,
  )
}

/** VN-03, of the text itself. */
function requiresOnlyDeclared(read: readonly Read[]): Judgement {
  return each(read, ({ path, required, imported, declared }) => {
    const other = required.find((name) => name !== '@netaccel/core' && !declared.includes(name))
    if (other !== undefined) return `${path} requires ${other}, which "uses" does not declare`
    return imported.length > 0 ? `${path} asks for ${imported[0]} by import()` : undefined
  })
}

/** VN-03, while it is set up. */
function readsNoCode({ trespasses }: SettingUp): Judgement {
  const code = trespasses.filter(({ kind }) => kind === 'code')
  return { ...each(code, ({ what }) => `it called ${what} while it was evaluated or set up`), seen: 1 }
}

/** VN-04. */
function staysInside({ trespasses, changes }: SettingUp): Judgement {
  const outside = trespasses.filter(({ kind }) => kind === 'outside')
  const calls = each(outside, ({ what }) => `it called ${what} while it was evaluated or set up`)
  const left = each(changes, (change) => `after its set-up ${change}`)
  return { seen: 1, findings: [...calls.findings, ...left.findings] }
}

/** VN-02. */
function fitsItsRange(at: readonly AtVersion[]): Judgement {
  return each(at, ({ version, inside, known, scene }) => {
    const { refusal, strangers, calls } = scene
    const refused = refusal !== undefined && /^(ENEWER|EPROTO)/.test(refusal)
    if (!inside) {
      const ran = calls.find(({ name, of }) => of === 'halves' && name !== 'hardware')
      if (ran !== undefined && !refused)
        return `it was set up at version ${version}, which its range does not have`
      return undefined
    }
    if (refusal !== undefined && known)
      return `it does not work at version ${version} of its range: ${refusal}`
    const [stranger] = known ? strangers : []
    if (stranger === undefined) return undefined
    return `at version ${version} it looked for ${stranger.of}.${stranger.name}, which that version does not have`
  })
}

/** How long it may take to see that the other half speaks another version, in ns: no deadline has to pass for it. */
const SOON = 1_000_000_000

/** VN-07. */
function declinesTwin(found: readonly Twin[]): Judgement {
  return each(found, ({ scene, half }) => {
    const of = `while the ${half} half spoke another version`
    const [began] = callsOf(scene, 'frontend', 'newDevice')
    if (began === undefined) return undefined
    const { outcome, result, threw, at, settledAt } = began
    if (outcome !== 'resolved' || result !== 'declined')
      return `newDevice ${outcome === 'resolved' ? 'attached' : `${outcome} (${String(threw)})`} ${of}`
    if (settledAt - at > SOON) return `newDevice declined after ${(settledAt - at) / 1e6} ms only, ${of}`
    const [name] = Object.keys(scene.left)
    return name === undefined ? undefined : `${name} were left ${of}`
  })
}

export const versionChecks: readonly Check[] = [
  { rule: 'VN-01', looks: [look(reading, isWhole)], unseen: 'the manifest names no half' },
  {
    rule: 'VN-02',
    looks: [look(versions, fitsItsRange)],
    unseen: 'it has neither a frontend nor a backend half',
  },
  {
    rule: 'VN-03',
    looks: [look(reading, requiresOnlyDeclared), look(settingUp, readsNoCode)],
    unseen: 'the manifest names no half',
  },
  { rule: 'VN-04', looks: [look(settingUp, staysInside)], unseen: 'nothing was set up' },
  { rule: 'VN-05', looks: [look(steady, atWork)], unseen: 'the manifest declares no capability' },
  {
    rule: 'VN-06',
    looks: [look(steady, onlyDeclared), look(saturated, onlyDeclared)],
    unseen: 'the manifest declares every capability',
  },
  {
    rule: 'VN-07',
    looks: [look(twins, declinesTwin)],
    unseen: 'no twin of the other half was given that speaks another version',
  },
]

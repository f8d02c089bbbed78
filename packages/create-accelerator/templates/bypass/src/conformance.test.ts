// Every rule of the contract, checked on the artefacts in dist. A rule that cannot hold for this plugin is skipped by its
// id, with the reason: { rule: 'TX-11', reason: '...' }.
import { fileURLToPath } from 'node:url'
import { conformance } from '@netaccel/testkit'
import { describe, expect, test } from 'vitest'

const plugin = fileURLToPath(new URL('..', import.meta.url))

conformance({ describe, test, expect }, { plugin })

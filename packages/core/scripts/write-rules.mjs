// Writes docs/rules.md, docs/codes.md and the published manifest schema from the built tables:
//
//   node scripts/build.mjs --only core && node packages/core/scripts/write-rules.mjs
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { MANIFEST_SCHEMA, renderCodes, renderRules } from '../dist/index.js'

const write = (path, text) => writeFileSync(fileURLToPath(new URL(path, import.meta.url)), text)

write('../../../docs/rules.md', renderRules())
write('../../../docs/codes.md', renderCodes())
write('../manifest.schema.json', `${JSON.stringify(MANIFEST_SCHEMA, null, 2)}\n`)

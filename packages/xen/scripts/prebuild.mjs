// Compiles assembly/copy-engine.ts and writes its bytes, as base64, to src/generated/copy-engine.ts.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import asc from 'assemblyscript/asc'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const folder = join(root, 'src/generated')
const binary = join(folder, 'copy-engine.wasm')

// The memory comes from the machine; 65536 pages is the widest limit an importer may have. The stub runtime and the
// empty abort leave a module that allocates nothing and imports nothing else.
const options = [
  'assembly/copy-engine.ts',
  '--baseDir',
  root,
  '--outFile',
  binary,
  '--runtime',
  'stub',
  '--use',
  'abort=',
  '--importMemory',
  '--sharedMemory',
  '--initialMemory',
  '1',
  '--maximumMemory',
  '65536',
  '--noExportMemory',
  '--enable',
  'threads',
  '--enable',
  'bulk-memory',
  '--enable',
  'simd',
  '--optimizeLevel',
  '3',
  '--shrinkLevel',
  '0',
  '--converge',
  '--noAssert',
]

mkdirSync(folder, { recursive: true })
const { error } = await asc.main(options, { stdout: process.stdout, stderr: process.stderr })
if (error) {
  console.error(`prebuild: the copy engine does not compile: ${error.message}`)
  process.exit(1)
}
const bytes = readFileSync(binary)
rmSync(binary)
writeFileSync(
  join(folder, 'copy-engine.ts'),
  `// Written by scripts/prebuild.mjs from assembly/copy-engine.ts: ${bytes.length} bytes of WebAssembly.\n` +
    `export const copyEngineModule =\n  '${bytes.toString('base64')}'\n`,
)

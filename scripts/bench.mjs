// npm run bench: bundles and runs every bench/**/*.bench.ts, or those whose path holds one of the arguments.
import { join, relative } from 'node:path'
import { filesUnder, root } from './packages.mjs'
import { readArgs, runNode, setup } from './setup.mjs'

const { install, args } = readArgs()
setup('bench', { install })

const dir = join(root, 'bench')
const all = filesUnder(dir).filter((file) => file.endsWith('.bench.ts'))
const wanted = args.filter((arg) => !arg.startsWith('--'))
const flags = args.filter((arg) => arg.startsWith('--'))
const chosen = all.filter(
  (file) => wanted.length === 0 || wanted.some((part) => relative(dir, file).includes(part)),
)
if (chosen.length === 0) {
  console.error(
    `bench: nothing matches; there are: ${all.map((file) => relative(dir, file)).join(', ') || 'none'}`,
  )
  process.exit(1)
}
const { build } = await import('esbuild')
for (const file of chosen) {
  const outfile = join(dir, 'dist', relative(dir, file).replace(/\.ts$/, '.js'))
  await build({
    entryPoints: [file],
    outfile,
    bundle: true,
    packages: 'external',
    format: 'esm',
    platform: 'node',
    target: 'node20',
  })
  console.log(`\n== ${relative(dir, file)}`)
  const code = await runNode(outfile, flags, {
    NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --expose-gc`.trim(),
  })
  if (code !== 0) {
    process.exitCode = code
    break
  }
}

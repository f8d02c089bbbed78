// npm run bench: bundles and runs every bench/**/*.bench.ts, or those whose path holds one of the arguments.
//
//   npm run bench -- ring-hop --json out.json
import { writeFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { filesUnder, root } from './packages.mjs'
import { readArgs, runNode, setup } from './setup.mjs'

/** `--json FILE` or `--json=FILE` out of the arguments: the file, and the rest. */
function readJson(args) {
  const at = args.findIndex((arg) => arg === '--json' || arg.startsWith('--json='))
  if (at < 0) return { file: undefined, rest: args }
  const split = args[at] === '--json'
  const file = split ? args[at + 1] : args[at].slice('--json='.length)
  if (file === undefined || file === '' || file.startsWith('--')) {
    console.error('bench: --json needs the name of a file, for example: --json bench.json')
    process.exit(2)
  }
  return { file: resolve(file), rest: [...args.slice(0, at), ...args.slice(at + (split ? 2 : 1))] }
}

const { install, args } = readArgs()
const { file: json, rest } = readJson(args)
const unknown = rest.find((arg) => arg.startsWith('--'))
if (unknown !== undefined) {
  console.error(`bench: there is no option ${unknown}; there are --json FILE and --no-install`)
  process.exit(2)
}
setup('bench', { install })

const dir = join(root, 'bench')
const all = filesUnder(dir).filter((file) => file.endsWith('.bench.ts'))
const chosen = all.filter(
  (file) => rest.length === 0 || rest.some((part) => relative(dir, file).includes(part)),
)
if (chosen.length === 0) {
  console.error(
    `bench: nothing matches; there are: ${all.map((file) => relative(dir, file)).join(', ') || 'none'}`,
  )
  process.exit(2)
}

/** Packages stay outside, as for whoever installs them, but the words of netif: as in the packages' own builds. */
const outside = {
  name: 'outside',
  setup(build) {
    build.onResolve({ filter: /^[^./]/ }, ({ path, kind }) =>
      kind === 'entry-point' || path === '@netaccel/xen/netif' ? undefined : { path, external: true },
    )
  },
}

/** A bench, or a program that a bench starts, to bench/dist. */
async function bundle(file) {
  const { build } = await import('esbuild')
  const outfile = join(dir, 'dist', relative(dir, file).replace(/\.ts$/, '.js'))
  await build({
    entryPoints: [file],
    outfile,
    bundle: true,
    plugins: [outside],
    minifySyntax: true,
    tsconfig: join(root, 'tsconfig.base.json'),
    format: 'esm',
    platform: 'node',
    target: 'node20',
  })
  return outfile
}

if (json !== undefined) writeFileSync(json, '[]\n')
for (const file of filesUnder(dir).filter((name) => name.endsWith('.child.ts'))) await bundle(file)
for (const file of chosen) {
  const outfile = await bundle(file)
  console.log(`\n== ${relative(dir, file)}`)
  const code = await runNode(outfile, [], {
    NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --expose-gc`.trim(),
    NETACCEL_BENCH_REFERENCE: join(dir, 'reference/ring_hop.c'),
    ...(json === undefined ? {} : { NETACCEL_BENCH_JSON: json }),
  })
  if (code !== 0) process.exitCode = code
}

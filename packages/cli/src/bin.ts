#!/usr/bin/env node
// The command, and the two uses that it makes of itself: `inside` in the private namespace of a real run, `program` for
// the programs in its guests' namespaces.
const [use, ...rest] = process.argv.slice(2)
if (use === 'program') {
  const { runProgram } = await import('./programs/main.js')
  runProgram(rest)
} else if (use === 'inside') {
  const { tuneV8 } = await import('@netaccel/host')
  tuneV8()
  const { runInside } = await import('./start/inside.js')
  process.exit(await runInside(JSON.parse(rest[0] ?? '{}')))
} else {
  const { tuneV8 } = await import('@netaccel/host')
  tuneV8()
  const { main } = await import('./main.js')
  process.exitCode = await main(process.argv.slice(2))
}

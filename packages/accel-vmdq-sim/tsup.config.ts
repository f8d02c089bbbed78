import { artefacts, library } from '../../scripts/tsup-preset.mjs'

export default [
  library({ index: 'src/index.ts' }),
  artefacts({ frontend: 'src/frontend.ts', backend: 'src/backend.ts', hardware: 'src/hardware.ts' }),
]

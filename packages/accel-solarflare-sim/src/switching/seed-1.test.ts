import { testSeed } from '../testing/switching.js'

testSeed(1)

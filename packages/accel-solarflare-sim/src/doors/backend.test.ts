import { testDoors } from '../testing/failing-doors.js'

testDoors('backend')

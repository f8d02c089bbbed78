// The unit tests of the templates, which need neither a build nor a host: they run where they stand, as they are.
import '../templates/bypass/src/peers.test.js'
import '../templates/nic/src/addresses.test.js'
import '../templates/nic/src/hardware/queue-pair.test.js'

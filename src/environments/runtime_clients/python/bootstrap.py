"""Starts Larder's Python runtime client.

Kept this small because Python compiles a script on every start: the client itself is a module,
whose bytecode lies ready beside it.
"""

import larder_runtime

larder_runtime.main()

// The hooks of node_path.cjs, for versions of Node that take them as an ES module.
import hooks from "./node_path.cjs";

export const resolve = hooks.resolve;

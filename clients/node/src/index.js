// Larder, a local AWS Lambda service, for tests. Types and what each thing does: index.d.ts.

export { LarderError } from './calls.js';
export { Larder, connectLarder, startLarder } from './larder.js';

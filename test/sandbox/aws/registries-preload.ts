import { toRegistries } from './to-registries.ts';

// for `node --import`, in a process that runs the function against the emulators
const origin = process.env.EMULATED_AWS;
if (!origin) throw new Error('EMULATED_AWS is missing');
toRegistries(origin);

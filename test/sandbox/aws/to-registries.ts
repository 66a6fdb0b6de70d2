import { Agent, setGlobalDispatcher } from 'undici';
import { ENTRANCE } from './registries.ts';

/**
 * From now on the registries of ECR are, for this process, those of an emulated AWS, and undici finds no other host
 * unless it is given an agent.
 * @param origin of the emulator
 */
export function toRegistries(origin: string): void {
  const dispatcher = new Agent().compose((dispatch) => (options, handler) => {
    const { protocol, host } = new URL(String(options.origin));
    if (protocol !== 'https:' || !/^\d{12}\.dkr[.-]ecr[.-]/.test(host)) {
      throw new TypeError(`no registry of ECR: ${protocol}//${host}`);
    }
    return dispatch({ ...options, origin, path: `${ENTRANCE}${host}${options.path}` }, handler);
  });
  setGlobalDispatcher(dispatcher);
}

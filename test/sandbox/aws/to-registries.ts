import { Agent, setGlobalDispatcher } from 'undici';
import { ENTRANCE } from './registries.ts';

/**
 * From now on the registries of ECR, and the API of ECR Public, are, for this process, those of an emulated AWS, and undici finds no other host
 * unless it is given an agent.
 * @param origin of the emulator
 */
export function toRegistries(origin: string): void {
  const dispatcher = new Agent().compose((dispatch) => (options, handler) => {
    const { protocol, host } = new URL(String(options.origin));
    // signed for this host and path, so it is sent on as it is
    if (`${protocol}//${host}` === 'https://api.ecr-public.us-east-1.amazonaws.com') {
      return dispatch({ ...options, origin }, handler);
    }
    if (protocol !== 'https:' || !/^\d{12}\.dkr[.-]ecr[.-]/.test(host)) {
      throw new TypeError(`no registry of ECR: ${protocol}//${host}`);
    }
    return dispatch({ ...options, origin, path: `${ENTRANCE}${host}${options.path}` }, handler);
  });
  setGlobalDispatcher(dispatcher);
}
